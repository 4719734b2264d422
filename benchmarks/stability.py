"""A healthy stack is GO every time; where others keep both processors busy it is GO or HOLD, never NO-GO."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._gonogo import gonogo, run_json
from benchmarks._result import Claim, Options, Result, Table
from gonogo.core.event import ItemFinished
from gonogo.rundir.directory import read_events

# Ends by itself when we are gone or after an hour, whatever happens to the clean-up.
BURNER = """
import os, time
parent, end = os.getppid(), time.monotonic() + 3600
while os.getppid() == parent and time.monotonic() < end:
    pass
"""
SHOWN = 4
GO_OR_HOLD = {"GO", "HOLD"}
CONTENTION = "Contention: what gonogo's own meter found others to use of the processors, in the worst item."


def measure(options: Options) -> Result:
    """Gates in a row on an idle machine, then others with one burner per processor, which gonogo did not start."""
    runs, busy_runs = options.count(small=1, full=20), options.count(small=1, full=20)
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as temporary:
        folder = options.keep or Path(temporary)
        earlier = len(list(folder.glob("*/run.json")))
        idle = list(_gates(folder, "idle", runs))
        with burners(os.cpu_count() or 1):
            busy = list(_gates(folder, "busy", busy_runs))
    went = sum(one.verdict == "GO" and not one.unknowns for one in idle)
    return Result(
        claims=[
            Claim(
                text="A healthy stack is GO with nothing UNKNOWN, every time",
                measured=f"{went} of {runs}; {_verdicts(idle)}",
                holds=went == runs,
                of_time=all(one.sound for one in idle),  # HOLD may be the busy host's doing
            ),
            Claim(
                text="With every processor kept busy by others the verdict is GO or HOLD, never NO-GO",
                measured=f"{_verdicts(busy)}, {busy_runs} runs",
                holds=all(one.sound for one in busy),
            ),
        ],
        tables=[_table("Gates without burners", idle), _table("Gates beside one burner per processor", busy)],
        notes=[
            f"Median wall time of a gate: {_wall(idle):.1f} s without, {_wall(busy):.1f} s with burners. {CONTENTION}",
            *([_kept(earlier, [*idle, *busy])] if earlier else []),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How one gate ended."""

    commit: str
    verdict: str
    harness_failed: bool
    wall_seconds: float
    own_share: float
    contention: float
    unknowns: Sequence[str]
    blockers: Sequence[str]

    @property
    def sound(self) -> bool:
        """GO, or HOLD for what the host did not let it measure."""
        return self.verdict in GO_OR_HOLD and not self.harness_failed


def _gates(folder: Path, name: str, runs: int) -> Iterator[Gate]:
    for number in range(1, runs + 1):
        out = folder / f"{name}-{number}"
        if not (out / "run.json").exists():
            shutil.rmtree(out, ignore_errors=True)
            gonogo("gate", "--runtime", "embedded", "--quiet", "--out", out)
        record = run_json(out)
        assert record, f"{out} holds no run"
        yield (gate := _read(out, record))
        print(
            f"  {name} {number}/{runs}: {gate.verdict} in {gate.wall_seconds:.0f} s {_ids(gate.unknowns)}", flush=True
        )


def _read(out: Path, record: Mapping[str, Any]) -> Gate:
    shares = [one.event.contention for one in read_events(out) if isinstance(one.event, ItemFinished)]
    return Gate(
        commit=record["commit"] or "unknown",
        verdict=record["verdict"],
        harness_failed=bool(record["harness_errors"] or record["unhealed"]),
        wall_seconds=record["wall_s"],
        own_share=record["overhead_s"] / record["wall_s"],
        contention=max((one for one in shares if one is not None), default=0.0),
        unknowns=record["unknowns"],
        blockers=record["blockers"],
    )


@contextmanager
def burners(count: int) -> Iterator[list[int]]:
    """Busy processes that carry no mark of gonogo and stand beside its tree, not below it; yields their pids."""
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", BURNER], env={}, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process.pid)
        yield started


def _kept(earlier: int, gates: Sequence[Gate]) -> str:
    counts = Counter(one.commit for one in gates)
    commits = ", ".join(f"{count} at commit {commit}" for commit, count in counts.items())
    return f"{earlier} of the gates were kept from a benchmark that was cut off before: {commits}."


def _verdicts(gates: Sequence[Gate]) -> str:
    counts = {verdict: sum(one.verdict == verdict for one in gates) for verdict in sorted({g.verdict for g in gates})}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _wall(gates: Sequence[Gate]) -> float:
    return median(one.wall_seconds for one in gates)


def _ids(identifiers: Sequence[str]) -> str:
    more = f" and {len(identifiers) - SHOWN} more" if len(identifiers) > SHOWN else ""
    return ", ".join(identifiers[:SHOWN]) + more


def _table(title: str, gates: Sequence[Gate]) -> Table:
    def row(number: int, one: Gate) -> list[Any]:
        shares = (f"{one.own_share:.2%}", f"{one.contention:.0%}")
        words = (_ids(one.unknowns), _ids(one.blockers))
        return [number, one.verdict, round(one.wall_seconds, 1), *shares, *words]

    columns = ("run", "verdict", "wall s", "own work", "contention", "UNKNOWN", "blockers")
    return Table(title=title, columns=columns, rows=[row(number, one) for number, one in enumerate(gates, 1)])
