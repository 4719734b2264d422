"""What people see while a run goes on: a live line on a terminal, plain lines in CI. Always on standard error."""

from __future__ import annotations

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
)
from gonogo.core.quantity import format_seconds

HEARTBEAT_S = 30.0


class Progress:
    """Listens to a run and tells people."""

    def __init__(self, *, quiet: bool, verbose: bool, colour: bool) -> None:
        self._console = Console(stderr=True, no_color=not colour, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._verbose = verbose
        self._running: dict[str, float] = {}
        self._done = 0
        self._total = 0
        self._failed = 0
        self._status: Status | None = None
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._status = self._console.status("starting the stack …", spinner="dots")
            self._status.start()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._status is not None:
            self._status.stop()

    def message(self, text: str) -> None:
        """One line of the runtime's."""
        self._line(f"[dim]{escape(text)}[/dim]")

    def event(self, at: float, event: Event) -> None:
        """One event of the run."""
        text = self._text(event)
        if text:
            self._line(f"[dim]{at:7.1f}s[/dim] {text}")
        self._update()

    def verdict(self, record: dict[str, Any], path: Path) -> None:
        """The end of a run, on standard output."""
        from gonogo.reports.terminal import print_run

        colour = not self._console.no_color
        console = Console(no_color=not colour, highlight=False)
        print_run(record, console, path, quiet=self._quiet)

    def _line(self, markup: str) -> None:
        if not self._quiet:
            self._console.print(markup)

    def _text(self, event: Event) -> str | None:
        match event:
            case StackStarted(stack=stack, runtime=runtime, seconds=seconds):
                return f"stack [bold]{escape(stack)}[/bold] answers on {runtime} after {format_seconds(seconds)}"
            case StackFailed(reason=reason):
                return f"[red]the stack did not start:[/red] {escape(reason)}"
            case PlanMade(items=items, to_run=to_run, predicted_s=predicted):
                self._total = to_run
                return f"plan: {to_run} of {items} verifications, about {format_seconds(predicted)}"
            case FaultInjected(fault=fault, proof=proof):
                return f"[yellow]fault {escape(fault)}[/yellow] landed: {escape(proof)}"
            case FaultHealed(fault=fault, proof=proof):
                return f"[green]fault {escape(fault)}[/green] healed: {escape(proof)}"
            case FaultUnhealed(fault=fault, reason=reason):
                return f"[bold red]fault {escape(fault)} is NOT healed:[/bold red] {escape(reason)}"
            case RunInterrupted(reason=reason):
                return f"[yellow]interrupted ({escape(reason)}): cleaning up, then the reports[/yellow]"
            case HarnessFailed(reason=reason):
                return f"[bold red]gonogo failed:[/bold red] {escape(reason)}"
            case ItemStarted() | ItemFinished() | ItemProgressed():
                return self._item(event)
            case _:
                return None

    def _item(self, event: ItemStarted | ItemFinished | ItemProgressed) -> str | None:
        if isinstance(event, ItemStarted):
            self._running[event.id] = time.monotonic()
            return None
        if isinstance(event, ItemProgressed):
            return f"{escape(event.id)}: {escape(event.message)}" if self._verbose else None
        self._running.pop(event.id, None)
        self._done += 1
        note = f" [yellow]{escape(event.unmeasurable)}[/yellow]" if event.unmeasurable else ""
        return f"[dim]{self._done:>3}/{self._total}[/dim] {escape(event.id)} [dim]{format_seconds(event.seconds)}[/dim]{note}"

    def _update(self) -> None:
        if self._status is not None and self._total:
            names = ", ".join(list(self._running)[:3])
            self._status.update(f"{self._done}/{self._total} {escape(names)}")

    def _beat(self) -> None:
        """In CI a long silence looks like a hang: say what is running."""
        while not self._stop.wait(HEARTBEAT_S):
            if self._status is None and self._running:
                ages = [f"{name} ({time.monotonic() - since:.0f} s)" for name, since in list(self._running.items())]
                self._line(f"[dim]still running: {escape(', '.join(ages))}[/dim]")
