"""Dumps of vectors: gonogo's binary COPY and an external zstd against pg_dump as it comes, by time and size."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks._result import Claim, Options, Result, Table
from benchmarks._vectors import FULL_ROWS, LONGEST_SECONDS, MIB, SMALL_ROWS, Filled, filled
from gonogo.pg import bulk
from gonogo.pg.sessions import session

JOBS = 2
LIMIT, SAME_SIZE = 0.12, 1.1  # of the time of pg_dump as it comes; of its size
NOTE = """\
The reference stack with {rows} vectors of 384 dimensions more and texts of 494 characters. A binary COPY is two ranges
of every large table at once under one snapshot, and a dump of everything else; zstd -1 reads an uncompressed dump."""


def measure(options: Options) -> Result:
    """Back the same database up in every way, in turns; compare the medians."""
    rounds = options.count(small=1, full=3)
    rows = FULL_ROWS if options.full else SMALL_ROWS
    seconds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    with filled(rows) as made:
        ways = WAYS if shutil.which("zstd") else {name: WAYS[name] for name in WAYS if name != ZSTD}
        for number in range(rounds):
            for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
                folder = made.folder("backup")
                began = time.monotonic()
                ways[name](made, folder)
                seconds.setdefault(name, []).append(time.monotonic() - began)
                sizes[name] = sum(path.stat().st_size for path in folder.rglob("*"))
                shutil.rmtree(folder)
    return Result(
        claims=[_claim(name, seconds, sizes, rows) for name in ways if name in {ZSTD, BINARY}],
        tables=[_table(seconds, sizes)],
        notes=[NOTE.format(rows=rows)],
        not_measured=[] if ZSTD in ways else ["zstd, which is not on this machine."],
    )


def _dumped(*options: str) -> Callable[[Filled, Path], None]:
    def way(made: Filled, folder: Path) -> None:
        arguments = ["--format=custom", f"--file={folder / 'dump'}", *options]
        done = made.source.tool("pg_dump", arguments, deadline=made.context.deadline)
        assert done.exit_code == 0, done.stderr

    return way


def _by_zstd(made: Filled, folder: Path) -> None:
    pipe, target = folder / "pipe", folder / "dump.zst"
    os.mkfifo(pipe, 0o600)
    command = ["zstd", "-q", "-1", f"-T{JOBS}", "-o", str(target)]
    with subprocess.Popen(["sh", "-c", 'exec "$@" < "$0"', str(pipe), *command]) as compressing:
        arguments = ["--format=custom", "--compress=none"]
        done = made.source.tool("pg_dump", arguments, deadline=made.context.deadline, stdout=pipe)
        assert done.exit_code == 0, done.stderr
    assert compressing.returncode == 0
    pipe.unlink()


def _by_copy(made: Filled, folder: Path) -> None:
    dsn = made.source.dsn()
    with session(dsn, timeout_seconds=LONGEST_SECONDS) as connection:
        tables = bulk.tables(connection)
    bulk.copy_out(dsn, tables, folder, jobs=JOBS, timeout_seconds=LONGEST_SECONDS)
    _dumped(*(f'--exclude-table-data="{one.schema}"."{one.name}"' for one in tables))(made, folder)


WAYS: Mapping[str, Callable[[Filled, Path], None]] = {
    "pg_dump -Fc as it comes": _dumped(),
    "pg_dump -Fc gzip:1": _dumped("--compress=gzip:1"),
    "pg_dump -Fc | zstd -1": _by_zstd,
    "binary COPY": _by_copy,
}
PLAIN, _, ZSTD, BINARY = WAYS


def _claim(name: str, seconds: Mapping[str, list[float]], sizes: Mapping[str, int], rows: int) -> Claim:
    share = median(seconds[name]) / median(seconds[PLAIN])
    size = sizes[name] / sizes[PLAIN]
    return Claim(
        text=f"{name} takes at most {LIMIT} of the time of {PLAIN}, at about its size",
        measured=f"{share:.3f} of the time, {size:.2f} of the size, {rows} vectors more",
        holds=share <= LIMIT and size <= SAME_SIZE if rows >= FULL_ROWS else None,
        of_time=True,
    )


def _table(seconds: Mapping[str, list[float]], sizes: Mapping[str, int]) -> Table:
    rows = [
        [name, round(median(found), 2), f"{min(found):.2f} to {max(found):.2f}", round(sizes[name] / MIB)]
        for name, found in seconds.items()
    ]
    return Table(title="One database, medians", columns=("way", "s", "from to s", "MiB"), rows=rows)
