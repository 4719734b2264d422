"""The memory of gonogo itself while it verifies a backup: the same whatever the size of the backup."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks._gonogo import LONGEST_SECONDS, starting
from benchmarks._result import Claim, Options, Result, Table
from benchmarks._vectors import FULL_ROWS, MIB, SMALL_ROWS, filled

LIMIT_MIB = 200
GROWTH = 1.25  # of the largest to the smallest: flat, but for what Python's allocator keeps
LOOKED_SECONDS = 0.1
KIB = 2**10
NOTE = """\
`gonogo verify-backup` of a dump in the custom format of the reference stack with so many vectors of 384 dimensions
more; VmHWM, looked at ten times a second."""


def measure(options: Options) -> Result:
    """Dumps of very different sizes, each verified by a process whose peak is read from /proc."""
    rows = [10, SMALL_ROWS, FULL_ROWS] if options.full else [10, SMALL_ROWS]
    measured = [_verified(one) for one in rows]
    peaks = [peak for _, peak in measured]
    growth = peaks[-1] / peaks[0]
    return Result(
        claims=[
            Claim(
                text=f"The memory of gonogo is below {LIMIT_MIB} MiB whatever the size of the backup",
                measured=f"{max(peaks):.0f} MiB at most",
                holds=max(peaks) < LIMIT_MIB,
            ),
            Claim(
                text=f"The largest backup takes at most {GROWTH} times the memory of the smallest",
                measured=f"{growth:.2f}, with {measured[-1][0] / measured[0][0]:.0f} times the size",
                holds=growth <= GROWTH,
            ),
        ],
        tables=[
            Table(
                title="Peak of the process that the user starts",
                columns=("vectors more", "dump MiB", "peak MiB"),
                rows=[[n, round(size, 1), round(peak)] for n, (size, peak) in zip(rows, measured, strict=True)],
            )
        ],
        notes=[NOTE],
        not_measured=["PostgreSQL's own memory, which its settings decide, and helpers that decompress."],
    )


def _verified(rows: int) -> tuple[float, float]:
    """(MiB of the dump, MiB of gonogo at its peak)."""
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        dump = folder / "dump"
        with filled(rows) as made:
            arguments = ["--format=custom", "--compress=gzip:1", f"--file={dump}"]
            done = made.source.tool("pg_dump", arguments, deadline=made.context.deadline)
            assert done.exit_code == 0, done.stderr
        return dump.stat().st_size / MIB, _peak(dump, folder / "run")


def _peak(dump: Path, out: Path) -> float:
    with starting("verify-backup", dump, "--out", out, "--no-history", "--quiet") as process:
        peak, until = 0.0, time.monotonic() + LONGEST_SECONDS
        while process.poll() is None and time.monotonic() < until:
            peak = max(peak, _high_water_mib(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOKED_SECONDS)
        assert process.returncode == 0, process.communicate()[1]
    return peak


def _high_water_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / KIB
    return 0.0  # it is just ending
