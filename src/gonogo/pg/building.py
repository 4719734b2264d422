"""What the build of a vector index needs: its memory counted, its time measured at sizes that fit and projected.

The server itself says when a graph no longer fits into its memory, and after how many rows: that is what one row
takes. The time grows as a power of the rows, a little faster than they do.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from gonogo.pg.catalog import quoted
from gonogo.pg.sessions import Connection
from gonogo.pg.soundness import VectorIndex

NO_LONGER_FITS = re.compile(r"no longer fits into maintenance_work_mem after (\d+) tuples")
SMALLEST_MEMORY_KIB = 1024
SMALL_MEMORIES_KIB = (2048, 4096)
ROWS_PER_KIB = 2.5  # more than fit at any number of dimensions
BEYOND = 1.15  # as many as fit, and a few more: beyond its memory a build is slow
SHARES = (32, 16, 8, 4)  # of the rows: an n-th of them
LEAST_ROWS = 250
MIB = 2**20
# Student's t, 95 % on both sides, by degrees of freedom
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45}
SAMPLE = "gonogo_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A time that was not measured, with the bounds between which it lies in 19 of 20 cases."""

    rows: int
    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a build needs. `bytes_per_row` is None where the server did not say it; `builds` are (rows, seconds)."""

    index: VectorIndex
    bytes_per_row: float | None
    spread: float  # of `bytes_per_row` between sizes, as a share of it
    builds: tuple[tuple[int, float], ...]

    def memory_bytes(self, rows: int) -> float | None:
        """What the graph of so many rows takes."""
        return None if self.bytes_per_row is None else self.bytes_per_row * rows

    def time(self, rows: int) -> Projection | None:
        """How long it takes to build it of so many rows in memory; None with too few measurements."""
        return projected(self.builds, rows)


def needs_of(
    connection: Connection, index: VectorIndex, *, memory_bytes: int, workers: int, budget_seconds: float
) -> Needs | None:
    """Measure it on samples of the index's own rows, until the budget is used up. None for what is not an HNSW index.

    Works in temporary tables; `connection` may create those.
    """
    row = connection.execute("SELECT pg_get_indexdef(%s::regclass)", [index.name]).fetchone()
    if index.method != "hnsw" or index.column is None or row is None or index.rows < LEAST_ROWS:
        return None
    definition = str(row[0]).partition(" USING ")[2]
    known = _bytes_per_row(connection, index, definition)
    mean = sum(known) / len(known) if known else None
    builds: list[tuple[int, float]] = []
    ends = time.monotonic() + budget_seconds
    for rows in sorted({max(LEAST_ROWS, index.rows // share) for share in SHARES}):
        if builds and time.monotonic() + 3 * builds[-1][1] > ends:
            break
        settings = {
            "maintenance_work_mem": f"{memory_bytes // 1024}kB",
            "max_parallel_maintenance_workers": str(workers),
        }
        builds.append((rows, _build(connection, index, definition, rows, settings)))
    spread = (max(known) - min(known)) / mean if mean else 0.0
    return Needs(index=index, bytes_per_row=mean, spread=spread, builds=tuple(builds))


def projected(builds: Sequence[tuple[int, float]], rows: int) -> Projection | None:
    """A power of the rows through the measured times, by least squares of their logarithms, with a 95 % band.

    >>> p = projected([(1000, 1.0), (2000, 2.2), (4000, 4.8), (8000, 10.5)], 80_000)
    >>> round(p.seconds), p.low < p.seconds < p.high
    (142, True)
    >>> projected([(1000, 1.0), (2000, 2.0)], 9) is None
    True
    """
    free = len(builds) - 2
    if free < 1:
        return None
    x = [math.log(rows) for rows, _ in builds]
    y = [math.log(seconds) for _, seconds in builds]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    square = sum((one - mean_x) ** 2 for one in x)
    if not square:
        return None
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / square
    residual = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y, strict=True))
    far = math.log(rows) - mean_x
    deviation = math.sqrt(residual / free * (1 + 1 / len(x) + far * far / square))
    middle, band = mean_y + slope * far, T95.get(free, 2.4) * deviation
    return Projection(rows=rows, seconds=math.exp(middle), low=math.exp(middle - band), high=math.exp(middle + band))


def _bytes_per_row(connection: Connection, index: VectorIndex, definition: str) -> list[float]:
    """Build graphs that do not fit, and see how many rows did; nothing where the server does not say it."""
    first = _row_that_no_longer_fits(connection, index, definition, SMALLEST_MEMORY_KIB, ROWS_PER_KIB)
    if first is None:
        return []
    found = [first]
    for kib in SMALL_MEMORIES_KIB:
        one = _row_that_no_longer_fits(connection, index, definition, kib, BEYOND * 1024 / first)
        found += [one] if one is not None else []
    return found


def _row_that_no_longer_fits(
    connection: Connection, index: VectorIndex, definition: str, memory_kib: int, rows_per_kib: float
) -> float | None:
    """Bytes a row, by the row that no longer fits into so much memory."""
    said: list[int] = []

    def listen(notice: psycopg.errors.Diagnostic) -> None:
        if match := NO_LONGER_FITS.search(notice.message_primary or ""):
            said.append(int(match[1]))

    settings = {
        "maintenance_work_mem": f"{memory_kib}kB", "max_parallel_maintenance_workers": "0",
        "client_min_messages": "notice",
    }  # fmt: skip
    connection.add_notice_handler(listen)
    try:
        _build(connection, index, definition, int(memory_kib * rows_per_kib), settings)
    finally:
        connection.remove_notice_handler(listen)
    return memory_kib * 1024 / said[0] if said and said[0] else None


def _build(connection: Connection, index: VectorIndex, definition: str, rows: int, settings: dict[str, str]) -> float:
    """Seconds of the build of an index like it over some of its rows; nothing of it stays."""
    assert index.column is not None
    with connection.transaction(force_rollback=True):
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        # No temporary table: those are not built in parallel.
        statement = (
            "CREATE UNLOGGED TABLE {sample} AS SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {rows}"
        )
        parts = {"sample": sql.Identifier(SAMPLE), "column": quoted(index.column), "table": quoted(index.table)}
        connection.execute(sql.SQL(statement).format(**parts, rows=sql.Literal(rows)))
        began = time.monotonic()
        create = sql.SQL("CREATE INDEX ON {sample} USING ").format(**parts)
        connection.execute(create + sql.SQL(definition))  # as the server spells it
        return time.monotonic() - began
