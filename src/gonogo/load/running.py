"""A load profile's traffic while it runs: Locust as a process of its own, bounded, marked, and never left behind.

with running_load(context, profile, profile_path, duration_seconds=20) as running:
    break_things()
    result = running.stop()
result.samples
"""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.load.leftovers import remove_stored
from gonogo.load.traffic import parameters_of, traffic_of
from gonogo.load.wire import SPEC_VARIABLE, Finished, Sample, Started, Traffic, read_lines
from gonogo.spec.content import find_locustfile
from gonogo.spec.verification import LoadSpec
from gonogo.stacks.context import Context
from gonogo.stacks.local.processes import MARK, boot_id, kill_tree, read_process, send
from gonogo.stacks.local.spawner import Spawner, minimal_environment

__all__ = ["LoadResult", "RunningLoad", "Sample", "running_load"]

START_SECONDS = 30.0  # until the generator sends; importing it takes one, on a busy host more
STOP_SECONDS = 15.0  # beyond the time limit of one request, until the generator has ended
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """A load that has ended. `samples` in the order in which they ended, those of the warm-up included.

    `started_s` is the monotonic instant from which arrivals count; `ended_s` that of the last answer.
    """

    samples: Sequence[Sample]
    started_s: float
    ended_s: float
    warm_up_seconds: float
    rate: float  # what the profile asks for, per second
    finished: Finished
    log: str  # path of the generator's log below the run directory
    gentle: bool = False  # the first 429 has ended it

    @property
    def measured(self) -> tuple[Sample, ...]:
        """Samples that were due after the warm-up, in the order in which they were due."""
        begin = self.started_s + self.warm_up_seconds
        return tuple(sorted((one for one in self.samples if one.intended_s >= begin), key=lambda one: one.intended_s))


class RunningLoad:
    """Traffic that flows. Made by `running_load`."""

    def __init__(self, context: Context, process: Popen[bytes], folder: Path, traffic: Traffic, warm_up: float) -> None:
        self._context = context
        self._process = process
        self._folder = folder
        self._traffic = traffic
        self._warm_up = warm_up
        self._result: LoadResult | None = None
        self.started_s = 0.0  # the monotonic instant from which arrivals count

    @property
    def is_flowing(self) -> bool:
        """Whether the generator still lives."""
        return self._process.poll() is None

    def samples(self) -> Sequence[Sample]:
        """What has ended so far."""
        return tuple(line for line in read_lines(Path(self._traffic.samples)) if isinstance(line, Sample))

    def stop(self) -> LoadResult:
        """Send nothing more, wait for what is in flight (at most its time limit), and return everything.

        The second call returns the same. Raises NotMeasurable when the generator failed, DeadlineExceeded, Interrupted.
        """
        if self._result is None:
            send([self._process.pid] if self.is_flowing else [], signal.SIGTERM)
            self._result = self._ended(STOP_SECONDS + self._traffic.timeout_seconds)
        return self._result

    def wait(self) -> LoadResult:
        """Wait until the whole duration is over; else as `stop`."""
        if self._result is None:
            self._result = self._ended(self._traffic.seconds + self._traffic.timeout_seconds + STOP_SECONDS)
        return self._result

    def _await_start(self) -> None:
        """Until requests are about to be sent."""
        begun: list[Started] = []

        def announced() -> bool:
            begun[:] = [line for line in read_lines(Path(self._traffic.samples)) if isinstance(line, Started)]
            if not begun and not self.is_flowing:
                raise NotMeasurable(f"the load generator did not start: {self._last_words()}")
            return bool(begun)

        deadline = self._context.deadline.within(START_SECONDS)
        deadline.poll(announced, every_seconds=POLL_SECONDS, what="the load generator starts")
        self.started_s = begun[0].at_s

    def _ended(self, seconds: float) -> LoadResult:
        deadline = self._context.deadline.within(seconds)
        deadline.poll(lambda: not self.is_flowing, every_seconds=POLL_SECONDS, what="the load generator ends")
        lines = list(read_lines(Path(self._traffic.samples)))
        finished = next((line for line in lines if isinstance(line, Finished)), None)
        if finished is None:
            raise NotMeasurable(f"the load generator ended before its time: {self._last_words()}")
        samples = tuple(line for line in lines if isinstance(line, Sample))
        return LoadResult(
            samples=samples,
            started_s=self.started_s,
            ended_s=max((one.ended_s for one in samples), default=self.started_s),
            warm_up_seconds=self._warm_up,
            rate=self._traffic.rate,
            finished=finished,
            log=self._context.recorder.artifact("generator.log", self._log()),
            gentle=self._traffic.gentle,
        )

    def _log(self) -> str:
        path = self._folder / "generator.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _last_words(self) -> str:
        log = self._log()
        kept = self._context.recorder.artifact("generator.log", log)
        tail = [line.strip() for line in log.splitlines() if line.strip()][-1:]
        return f"exit code {self._process.poll()}, {tail[0] if tail else 'no word in its log'} (see {kept})"


@contextmanager
def running_load(
    context: Context,
    profile: LoadSpec,
    profile_path: Path,
    duration_seconds: float,
    *,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[RunningLoad]:
    """Let a profile's traffic flow for its warm-up and `duration_seconds`, or until it is stopped.

    Entered when requests are about to be sent. On exit the generator is gone, whatever happened; a load that was not
    stopped by then is lost. `changes` replace parameters of the profile's `with:`. Raises NotMeasurable (no Locust, no
    corpus, no search in the contract, generator did not start), UsageError (no such locustfile), Interrupted.
    """
    require_locust()
    locustfile = find_locustfile(profile.users, profile_path)
    folder = _folder(context)
    traffic = traffic_of(
        context,
        profile,
        parameters_of(profile, changes),
        seconds=profile.warm_up + duration_seconds,
        samples=folder / "samples.jsonl",
    )
    spec = folder / "traffic.json"
    spec.touch(mode=0o600)
    spec.write_text(traffic.to_json(), encoding="utf-8")
    try:
        with _generator(context, locustfile, folder, spec, traffic) as process:
            running = RunningLoad(context, process, folder, traffic, profile.warm_up)
            running._await_start()
            spec.unlink()  # it was read, and it holds the tenants' keys
            yield running
    finally:
        if any(one.name == "ingest" for one in traffic.requests):
            remove_stored(context, traffic)
        shutil.rmtree(folder, ignore_errors=True)


def require_locust() -> None:
    """Raise MissingCapability where the load generator is not installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - only asked where a load is about to run

    if find_spec("locust") is None:
        raise MissingCapability("the load generator is not installed: pip install 'gonogo[load]'")


def _folder(context: Context) -> Path:
    """A private folder of this load below the run's scratch folder."""
    number = 1
    while True:
        folder = context.run.scratch / f"load-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        return folder


@contextmanager
def _generator(
    context: Context, locustfile: Path, folder: Path, spec: Path, traffic: Traffic
) -> Iterator[Popen[bytes]]:
    """The process: its undo records before it, its whole tree gone after it."""
    run = context.run
    mark = {"run_id": run.run_id, "scratch": str(run.scratch), "service": "load generator"}
    records = [run.intend("process", mark)]
    spawner = Spawner()
    process: Popen[bytes] | None = None
    try:
        process = spawner.spawn(
            _command(locustfile, traffic),
            environment={**minimal_environment(), MARK: run.run_id, SPEC_VARIABLE: str(spec)},
            folder=folder,
            stdout=folder / "generator.log",
        )
        seen = read_process(process.pid)
        identity = {**mark, "pid": process.pid, "start": seen.start if seen else None, "boot_id": boot_id()}
        records.append(run.intend("process", identity))
        yield process
    finally:
        if process is not None:
            if process.poll() is None:
                kill_tree(process.pid)
            process.wait()
        spawner.close()
        for record in records:
            run.undone(record)


def _command(locustfile: Path, traffic: Traffic) -> list[str]:
    """Locust without its web interface, with one user that dispatches everything; we judge, not its exit code."""
    stop_seconds = traffic.timeout_seconds + STOP_SECONDS / 2
    return [
        *(sys.executable, "-m", "locust", "--locustfile", str(locustfile), "--host", traffic.base_url),
        *("--headless", "--users", "1", "--spawn-rate", "1", "--stop-timeout", str(round(stop_seconds))),
        *("--only-summary", "--exit-code-on-error", "0", "--loglevel", "INFO"),
    ]
