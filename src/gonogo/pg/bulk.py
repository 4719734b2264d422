"""Rows out and in by binary COPY, several at a time and large tables in parts: what a dump's text costs most of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from psycopg import IsolationLevel, sql

from gonogo.pg.sessions import Connection, session
from gonogo.pg.sql import query

BLOCK_BYTES = 256 * 1024  # what is sent at once: the server reads no faster with more
LEAST_PART_BLOCKS = 2048  # of 8 KiB: a smaller table is not worth two sessions
OUT = (
    "COPY (SELECT {columns} FROM ONLY {table} WHERE ctid >= {low}::tid AND ctid < {high}::tid)"
    " TO STDOUT (FORMAT binary)"
)
LAST_BLOCK = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose rows are copied. `columns`: those that are stored, not computed."""

    schema: str
    name: str
    columns: tuple[str, ...]
    blocks: int

    @property
    def quoted(self) -> sql.Identifier:
        """As SQL spells it."""
        return sql.Identifier(self.schema, self.name)

    @property
    def listed(self) -> sql.Composed:
        """Its columns."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of a table's rows in a file."""

    table: Table
    path: Path
    low: int  # the first block of the table
    high: int  # the first block that is not of it any more


def tables(connection: Connection) -> list[Table]:
    """The tables that keep rows of the user's own: not those of extensions, and not what vanishes with a session."""
    found = connection.execute(query("bulk", "tables")).fetchall()
    return [Table(schema=row[0], name=row[1], columns=tuple(row[2]), blocks=row[3]) for row in found]


def copy_out(
    dsn: str, chosen: Sequence[Table], folder: Path, *, jobs: int, timeout_seconds: float
) -> tuple[list[Part], float]:
    """Write the rows of tables into `folder` as they were at one moment. Returns the parts, and the seconds it took.

    Raises psycopg.Error, OSError.
    """
    parts = [part for number, table in enumerate(chosen) for part in _parts(table, folder, number, jobs)]
    began = time.monotonic()
    with session(dsn, timeout_seconds=timeout_seconds) as holder, _reading(holder):
        row = holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        snapshot = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row[0]))

        def out(part: Part) -> None:
            with session(dsn, timeout_seconds=timeout_seconds) as connection, _reading(connection):
                connection.execute(snapshot)
                _out(connection, part)

        _at_once(out, parts, jobs)
    return parts, time.monotonic() - began


def copy_in(dsn: str, parts: Sequence[Part], *, jobs: int, timeout_seconds: float) -> None:
    """Read the parts into their tables, which are there and empty. Raises psycopg.Error, OSError."""

    def into(part: Part) -> None:
        with session(dsn, timeout_seconds=timeout_seconds) as connection:
            statement = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")
            filled = statement.format(table=part.table.quoted, columns=part.table.listed)
            with part.path.open("rb", buffering=0) as file, connection.cursor().copy(filled) as copying:
                while block := file.read(BLOCK_BYTES):
                    copying.write(block)

    _at_once(into, parts, jobs)


def _parts(table: Table, folder: Path, number: int, jobs: int) -> Iterator[Part]:
    """Ranges of blocks, one a job; the last one has no end: rows may have come since the blocks were counted."""
    count = jobs if table.blocks >= LEAST_PART_BLOCKS else 1
    bounds = [table.blocks * one // count for one in range(count)] + [LAST_BLOCK]
    for index, (low, high) in enumerate(pairwise(bounds)):
        yield Part(table=table, path=folder / f"{number:05}-{index:02}.copy", low=low, high=high)


def _at_once(work: Callable[[Part], None], parts: Iterable[Part], jobs: int) -> None:
    """The largest parts first; the first failure is raised when all have ended."""
    ordered = sorted(parts, key=lambda part: min(part.high, part.table.blocks) - part.low, reverse=True)
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="copy") as pool:
        for done in [pool.submit(work, part) for part in ordered]:
            done.result()


@contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction():
        yield


def _out(connection: Connection, part: Part) -> None:
    statement = sql.SQL(OUT).format(
        columns=part.table.listed, table=part.table.quoted,
        low=sql.Literal(f"({part.low},0)"), high=sql.Literal(f"({part.high},0)"),
    )  # fmt: skip
    with part.path.open("xb", buffering=BLOCK_BYTES) as file, connection.cursor().copy(statement) as copying:
        part.path.chmod(0o600)
        for block in copying:
            file.write(block)
