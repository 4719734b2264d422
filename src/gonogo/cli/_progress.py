"""What people see while a run goes on: a live line on a terminal, plain lines in CI. Always on standard error."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from gonogo.core.event import (
    Event,
    FaultHealed,
    FaultInjected,
    FaultUnhealed,
    HarnessFailed,
    ItemFinished,
    ItemProgressed,
    ItemStarted,
    PlanMade,
    RunInterrupted,
    StackFailed,
    StackStarted,
    StackStopped,
)
from gonogo.core.quantity import format_seconds

HEARTBEAT_S = 30.0
TICK_S = 1.0
NAMES_SHOWN = 3
SECONDS_WIDTH = 10
PLAIN_WIDTH = 110  # columns of the verdict where it is no terminal and nobody says how wide a line may be


class Progress:
    """Listens to a run and tells people. Outcomes are not known yet: the judge speaks at the end.

    Events may come from several threads at once.
    """

    def __init__(self, *, quiet: bool, verbose: bool, colour: bool) -> None:
        self._colour = colour
        # None leaves it to NO_COLOR and FORCE_COLOR
        self._console = Console(stderr=True, no_color=None if colour else True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._verbose = verbose
        self._began = time.monotonic()
        self._spoke = self._began  # when the last line was written
        self._running: dict[str, float] = {}
        self._done = 0
        self._total = 0
        self._unmeasured = 0
        self._predicted_s: float | None = None
        self._doing = "starting the stack"
        self._status: Status | None = None
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if not self._quiet and self._console.is_interactive:
            self._status = self._console.status(self._now(), spinner="dots")
            self._status.start()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._heart.join()
        if self._status is not None:
            self._status.stop()

    def message(self, text: str) -> None:
        """One line of the runtime's."""
        self._line(f"[dim]{self._clock(time.monotonic() - self._began)} {escape(text)}[/dim]")

    def event(self, at: float, event: Event) -> None:
        """One event of the run, `at` seconds after its start."""
        with self._lock:
            text = self._text(event)
            if text:
                self._line(f"[dim]{self._clock(at)}[/dim] {text}")
            self._refresh()

    def verdict(self, record: dict[str, Any], path: Path) -> None:
        """The end of a run, on standard output; in a GitHub workflow also its annotations."""
        from gonogo.reports.github import workflow_commands
        from gonogo.reports.terminal import print_run

        console = Console(no_color=None if self._colour else True, highlight=False)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = PLAIN_WIDTH
        print_run(record, console, path, quiet=self._quiet)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for line in workflow_commands(record):
                console.print(line, markup=False, soft_wrap=True)

    @staticmethod
    def _clock(seconds: float) -> str:
        return f"{seconds:7.1f}s"

    def _line(self, markup: str) -> None:
        self._spoke = time.monotonic()
        if not self._quiet:
            self._console.print(markup)

    def _text(self, event: Event) -> str | None:
        match event:
            case StackStarted(stack=stack, runtime=runtime, seconds=seconds):
                self._doing = "discovering what there is"
                return f"stack [bold]{escape(stack)}[/bold] answers on {runtime} after {format_seconds(seconds)}"
            case StackFailed(reason=reason):
                return f"[bold red]the stack did not start:[/bold red] {escape(reason)}"
            case StackStopped(kept=kept):
                return "the stack stays up" if kept else "the stack is down again"
            case PlanMade(items=items, to_run=to_run, predicted_s=predicted):
                self._total, self._predicted_s = to_run, predicted
                return f"plan: {to_run} of {items} verifications, about {format_seconds(predicted)}"
            case RunInterrupted(reason=reason):
                self._doing = "cleaning up"
                return f"[yellow]interrupted ({escape(reason)}): cleaning up, then the reports[/yellow]"
            case HarnessFailed(reason=reason):
                return f"[bold red]gonogo failed:[/bold red] {escape(reason)}"
            case FaultInjected() | FaultHealed() | FaultUnhealed():
                return _fault(event)
            case ItemStarted() | ItemFinished() | ItemProgressed():
                return self._item(event)
            case _:
                return None

    def _item(self, event: ItemStarted | ItemFinished | ItemProgressed) -> str | None:
        if isinstance(event, ItemStarted):
            self._running[event.id] = time.monotonic()
            return None
        if isinstance(event, ItemProgressed):
            return f"        {escape(event.id)}: {escape(event.message)}" if self._verbose else None
        self._running.pop(event.id, None)
        self._done += 1
        if self._done == self._total:
            self._doing = "stopping the stack"
        width = len(str(self._total))
        took = format_seconds(event.seconds)
        text = f"[dim]{self._done:>{width}}/{self._total} {took:>{SECONDS_WIDTH}}[/dim]  {escape(event.id)}"
        if event.unmeasurable:
            self._unmeasured += 1
            text += f"  [yellow]not measured: {escape(event.unmeasurable)}[/yellow]"
        return text

    def _now(self) -> str:
        """The live line: how far, how long, what is going on."""
        elapsed = _minutes(time.monotonic() - self._began)
        if not self._total:
            return f"{self._doing} [dim]{elapsed}[/dim]"
        tally = f"[bold]{self._done}/{self._total}[/bold]"
        if self._unmeasured:
            tally += f" [yellow]{self._unmeasured} not measured[/yellow]"
        predicted = f" of about {_minutes(self._predicted_s)}" if self._predicted_s else ""
        return f"{tally}  [dim]{elapsed}{predicted}[/dim]  {escape(self._ages() or self._doing)}"

    def _ages(self) -> str:
        now = time.monotonic()
        ages = [f"{name} {now - since:.0f} s" for name, since in self._running.items()]
        more = f" and {len(ages) - NAMES_SHOWN} more" if len(ages) > NAMES_SHOWN else ""
        return ", ".join(ages[:NAMES_SHOWN]) + more

    def _refresh(self) -> None:
        if self._status is not None:
            self._status.update(self._now())

    def _beat(self) -> None:
        """Keeps the live line's clock going. In CI a long silence looks like a hang: say what is running."""
        while not self._stop.wait(TICK_S):
            with self._lock:
                if self._status is not None:
                    self._refresh()
                elif time.monotonic() - self._spoke >= HEARTBEAT_S:
                    elapsed = self._clock(time.monotonic() - self._began)
                    self._line(f"[dim]{elapsed} still at it: {escape(self._ages() or self._doing)}[/dim]")


def _minutes(seconds: float) -> str:
    """A stopwatch.

    >>> _minutes(4.2), _minutes(95)
    ('0:04', '1:35')
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _fault(event: FaultInjected | FaultHealed | FaultUnhealed) -> str:
    name = escape(event.fault)
    match event:
        case FaultInjected(proof=proof):
            return f"[yellow]fault {name} landed:[/yellow] {escape(proof)}"
        case FaultHealed(proof=proof):
            return f"[green]fault {name} healed:[/green] {escape(proof)}"
        case FaultUnhealed(reason=reason):
            return f"[bold red]fault {name} is NOT healed:[/bold red] {escape(reason)}; run `gonogo heal`"
