"""kill -9 of a gate at random moments: after `gonogo heal` and `gonogo clean` nothing is left and nothing lost."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._gonogo import gonogo, starting
from benchmarks._leftovers import Traces, left, shared_files, traces_of
from benchmarks._result import Claim, Options, Result, Table

SEED = 20_261_124
FIRST_SECONDS, LAST_SECONDS = 0.2, 80.0  # a whole gate takes about this long; one that has ended is not counted
LOOK_SECONDS = 0.25
TRIES = 3  # runs at most for one that is killed before it ended
JUDGED = {1, 3, 4}  # a killed run is never GO

LOOKED = f"""\
Moments are uniform over a gate's length (seed {SEED}). What is left is found by looking at the host, not by asking
gonogo: processes, listening sockets and System V segments of all processes that were seen below the run while it lived;
whatever works in, or names, a folder of the run; mounts of it; new files of /dev/shm that nobody uses; containers with
the run's label; state and scratch folders. Processes and sockets are those of the moment of the kill."""


def measure(options: Options) -> Result:
    """Runs, each killed once, with state and scratch folders of their own: other runs of this user do not count."""
    runs = options.count(small=3, full=30)
    moments = random.Random(SEED)
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's user must get through
        for number in range(TRIES * runs):
            if len(kills) == runs:
                break
            kill = _kill(Path(folder) / str(number), moments.uniform(FIRST_SECONDS, LAST_SECONDS))
            if kill is not None:
                kills.append(kill)
                print(f"  {len(kills)}/{runs}: {kill.sentence}", flush=True)
    clean = sum(not one.left and one.codes == (0, 0) for one in kills)
    readable = sum(one.readable for one in kills)
    return Result(
        claims=[
            Claim(
                text="After kill -9, heal, clean: no process, container, mount, shared memory, port or folder is left",
                measured=f"{clean} of {len(kills)}",
                holds=clean == len(kills) == runs,
            ),
            Claim(
                text="The run directory of every killed run is readable by `gonogo judge`, and is never GO",
                measured=f"{readable} of {len(kills)}",
                holds=readable == len(kills) == runs,
            ),
        ],
        tables=[_table(kills)],
        notes=[LOOKED],
        not_measured=["Kills on the Docker runtime."],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One killed gate. `codes`: of heal and clean. `judge`: exit code, None where the run had no directory yet."""

    after_seconds: float
    events: int
    processes: int
    sockets: int
    codes: tuple[int, int]
    judge: int | None
    left: Sequence[str]

    @property
    def readable(self) -> bool:
        """Whether what there was of the run can be judged."""
        return self.judge is None or self.judge in JUDGED

    @property
    def sentence(self) -> str:
        """For people who watch."""
        return (
            f"killed after {self.after_seconds:.1f} s with {self.processes} processes; left: {self.left or 'nothing'}"
        )


def _kill(ours: Path, after: float) -> Kill | None:
    """Start a gate, kill it, clean up, look. None when it had ended before."""
    environment = {"GONOGO_STATE": str(ours / "state"), "GONOGO_SCRATCH": str(ours)}
    ours.mkdir(mode=0o711)
    shared, out, traces = shared_files(), ours / "out", Traces()
    with starting("gate", "--runtime", "embedded", "--quiet", "--out", out, environment=environment) as process:
        moment = time.monotonic() + after
        while (remaining := moment - time.monotonic()) > 0:
            time.sleep(min(remaining, LOOK_SECONDS))
            traces |= (now := traces_of(process.pid))
        if process.poll() is not None:
            return None
        process.kill()
        process.wait()
    run_ids = [entry.name for entry in (ours / "state" / "runs").glob("*")]
    healed, cleaned = gonogo("heal", environment=environment), gonogo("clean", environment=environment)
    log = out / "events.ndjson"
    return Kill(
        after_seconds=after,
        events=log.read_bytes().count(b"\n") if log.is_file() else 0,
        processes=len(now.processes),
        sockets=len(now.sockets),
        codes=(healed.code, cleaned.code),
        judge=gonogo("judge", out).code if log.is_file() else None,
        left=[*left(traces, str(ours), run_ids, shared), *_folders(ours)],
    )


def _folders(ours: Path) -> list[str]:
    """State and scratch folders of runs."""
    tops = [ours / "state" / "runs", ours / f"gonogo-{os.getuid()}"]
    return [f"folder {entry}" for top in tops if top.is_dir() for entry in top.iterdir()]


def _table(kills: Sequence[Kill]) -> Table:
    def row(number: int, one: Kill) -> list[Any]:
        counts = (round(one.after_seconds, 1), one.events, one.processes, one.sockets)
        judged = "-" if one.judge is None else one.judge
        return [number, *counts, *one.codes, judged, "; ".join(one.left) or "nothing"]

    columns = ("run", "killed after s", "events", "processes", "sockets", "heal", "clean", "judge", "left")
    rows = [row(number, one) for number, one in enumerate(kills, 1)]
    return Table(title="Every kill", columns=columns, rows=rows)
