"""kill -9 of gonogo at a moment, then heal and clean, then a look at what is left."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._gonogo import gonogo, starting
from benchmarks._leftovers import Traces, before, left, traces_of
from benchmarks._result import Table

LOOK_SECONDS = 0.25
JUDGED = {1, 3, 4}  # a killed run is never GO

LOOKED = """\
What is left is found by looking at the host, not by asking gonogo: processes, listening sockets and new System V
segments of all processes that were seen below the run while it lived; whatever works in, or names, a folder of the run;
mounts of it; new files of /dev/shm that nobody uses; containers, networks, volumes and images with the run's label;
state and scratch folders. Processes and sockets are those of the moment of the kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One killed run. `codes`: of heal and clean. `judge`: exit code, None where there was nothing to judge yet."""

    what: str
    after_seconds: float
    events: int
    processes: int
    sockets: int
    codes: tuple[int, int]
    judge: int | None
    clean_seconds: float
    left: Sequence[str]

    @property
    def clean(self) -> bool:
        """Whether nothing was left, and nothing that could not be dealt with."""
        return not self.left and self.codes == (0, 0)

    @property
    def readable(self) -> bool:
        """Whether what there was of the run can be judged."""
        return self.judge is None or self.judge in JUDGED

    @property
    def sentence(self) -> str:
        """For people who watch."""
        what = f"{self.what} killed after {self.after_seconds:.1f} s with {self.processes} processes"
        return f"{what}; codes {self.codes}; left: {self.left or 'nothing'}"


def kill(
    ours: Path, after: float, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> Kill | None:
    """Start gonogo in a folder of its own, kill it, clean up, look. None when it had ended before.

    State and scratch folders are its own: other runs of this user do not count.
    """
    own = {"GONOGO_STATE": str(ours / "state"), "GONOGO_SCRATCH": str(ours), **(environment or {})}
    ours.mkdir(mode=0o711)
    earlier, traces = before(), Traces()
    with starting(*arguments, environment=own, folder=ours) as process:
        moment = time.monotonic() + after
        while (remaining := moment - time.monotonic()) > 0:
            time.sleep(min(remaining, LOOK_SECONDS))
            traces |= (now := traces_of(process.pid))
        if process.poll() is not None:
            return None
        process.kill()
        process.wait()
    run_ids = [entry.name for entry in (ours / "state" / "runs").glob("*")]
    healed, cleaned = gonogo("heal", environment=own), gonogo("clean", environment=own)
    logs = list(ours.glob("reports/runs/*/events.ndjson"))
    return Kill(
        what=arguments[0],
        after_seconds=after,
        events=sum(log.read_bytes().count(b"\n") for log in logs),
        processes=len(now.processes),
        sockets=len(now.sockets),
        codes=(healed.code, cleaned.code),
        judge=gonogo("judge", logs[0].parent).code if logs and arguments[0] != "up" else None,
        clean_seconds=cleaned.seconds,
        left=[*left(traces, str(ours), run_ids, earlier), *_folders(ours)],
    )


def _folders(ours: Path) -> list[str]:
    """State and scratch folders of runs."""
    tops = [ours / "state" / "runs", ours / f"gonogo-{os.getuid()}"]
    return [f"folder {entry}" for top in tops if top.is_dir() for entry in top.iterdir()]


def table(kills: Sequence[Kill]) -> Table:
    """Every kill."""

    def row(number: int, one: Kill) -> list[Any]:
        counts = (round(one.after_seconds, 1), one.events, one.processes, one.sockets)
        judged = "-" if one.judge is None else one.judge
        return [number, one.what, *counts, *one.codes, judged, "; ".join(one.left) or "nothing"]

    columns = ("run", "of", "killed after s", "events", "processes", "sockets", "heal", "clean", "judge", "left")
    return Table(title="Every kill", columns=columns, rows=[row(number, one) for number, one in enumerate(kills, 1)])
