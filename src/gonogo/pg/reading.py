"""Read-only looks at a database: one snapshot, bounded, never a filtered view that passes for the whole."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Scalar
from gonogo.pg.catalog import with_parameters
from gonogo.pg.sessions import Connection, session

Value = Scalar | tuple[str, ...]
MOST_ROWS = 10_000
HIDDEN_ROWS = "would be affected by row-level security"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a statement gave."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@contextmanager
def reading(dsn: str, *, seconds: float, guarded: bool = True, all_rows: bool = True) -> Iterator[Connection]:
    """A session in one read-only snapshot. Whatever the server refuses becomes NotMeasurable in its own words.

    With `all_rows` a statement that row-level security would shorten is refused instead of answered in part.
    """
    settings = {"row_security": "off"} if all_rows else {}
    try:
        with session(dsn, timeout_seconds=seconds, guarded=guarded, **settings) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection
    except psycopg.Error as error:
        raise NotMeasurable(server_words(error)) from error


def server_words(error: psycopg.Error) -> str:
    """What the server (or the driver) said, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = error.diag.message_primary or (lines[0] if lines else type(error).__name__)
    return f"{words} (it takes BYPASSRLS to see every row)" if HIDDEN_ROWS in words else words


def read_rows(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> Rows:
    """Run a statement with `:name` parameters. Raises NotMeasurable for one that gives no rows, or far too many."""
    text, used = with_parameters(statement, parameters)
    cursor = connection.execute(text.encode(), {name: parameters[name] for name in used})
    if cursor.description is None:
        raise NotMeasurable(f"the statement gives no rows: {' '.join(statement.split())[:80]}")
    rows = cursor.fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise NotMeasurable(f"the statement gives more than {MOST_ROWS} rows")
    return Rows(
        columns=tuple(column.name for column in cursor.description),
        rows=tuple(tuple(as_value(entry) for entry in row) for row in rows),
    )


def as_value(entry: Any) -> Value:
    """A value of the database as an observation holds it: intervals in seconds, lists as texts.

    >>> as_value(decimal.Decimal("3")), as_value(decimal.Decimal("0.5")), as_value(dt.timedelta(minutes=2))
    (3, 0.5, 120.0)
    >>> as_value([1, "a"]), as_value(dt.date(2026, 1, 2))
    (('1', 'a'), '2026-01-02')
    """
    if entry is None or isinstance(entry, (bool, int, float, str)):
        return entry
    if isinstance(entry, decimal.Decimal):
        return int(entry) if entry.is_finite() and entry == entry.to_integral_value() else float(entry)
    if isinstance(entry, dt.timedelta):
        return entry.total_seconds()
    if isinstance(entry, (list, tuple)):
        return tuple(str(one) for one in entry)
    return str(entry)
