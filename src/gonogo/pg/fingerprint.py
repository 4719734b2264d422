"""The fingerprint of a database: what a restore must bring back, to the bit, whatever the order of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from psycopg import IsolationLevel, sql

from gonogo.core.errors import NotMeasurable
from gonogo.pg.sessions import Connection
from gonogo.pg.sql import ONCE, query

INTEGERS = frozenset({"int2", "int4", "int8", "oid"})
ABSENT = -1  # what a NULL counts as; another value may hash to it, but hardly in every place where it matters
SETTING = "setting"
BY_CRC = "sums of 64 bits, 1; vectors: crc32c of send"  # the faster one, since PostgreSQL 18
BY_REALS = "sums of 64 bits, 1; vectors: array of real"


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePrint:
    """The rows of a table. The hashes are sums over all rows, so the order of the rows does not matter.

    `rows_hash` is made of whole rows: it also tells values that changed places between rows.
    """

    rows: int
    rows_hash: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencePrint:
    """Where a sequence stands, and by how much it moves."""

    last_value: int
    is_called: bool
    increment: int = 1

    @property
    def descending(self) -> bool:
        """Whether it counts down."""
        return self.increment < 0

    def ahead_of(self, other: SequencePrint) -> float:
        """By how many values; below zero where it is behind."""
        moved = self.last_value - other.last_value + self.increment * (self.is_called - other.is_called)
        return moved / self.increment

    @property
    def used(self) -> int:
        """Grows with every value that is taken."""
        position = -self.last_value if self.descending else self.last_value
        return 2 * position + self.is_called


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Tables and sequences by name; everything with a definition as kind → name → definition."""

    algorithm: str
    tables: Mapping[str, TablePrint]
    sequences: Mapping[str, SequencePrint]
    objects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    @property
    def things(self) -> int:
        """How many tables, sequences and definitions are compared."""
        return len(self.tables) + len(self.sequences) + sum(map(len, self.objects.values()))

    def to_json(self) -> dict[str, Any]:
        """For evidence."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was."""

    kind: str  # table, sequence, index, policy, setting …
    name: str
    what: str

    @property
    def subject(self) -> str:
        """Names the thing: `index public.chunks_embedding_idx`."""
        return f"{self.kind} {self.name}"

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"


# --- taking


def take_fingerprint(
    connection: Connection,
    *,
    without_schemas: Sequence[str] = (),
    snapshot: str | None = None,
    algorithm: str | None = None,
) -> Fingerprint:
    """Read everything in one snapshot. Rows alone may be read in one that another session has exported before;
    definitions and sequences are then read as they are now.

    `connection` is a superuser's: nobody else sees all rows. `algorithm` asks for the one that something else was taken
    with; of those that this server cannot compute it takes its own.

    Raises NotMeasurable for a lesser role, psycopg.Error for data that cannot be read.
    """
    without = {"without": list(without_schemas)}
    with _snapshot(connection, snapshot):
        vectors_by_crc = algorithm != BY_REALS and bool(_one(connection, query("fingerprint", "checks_itself")))
        tables = dict(_tables(connection, without, vectors_by_crc=vectors_by_crc))
        if snapshot is None:
            sequences, objects = dict(_sequences(connection, without)), _objects(connection, without)
    if snapshot is not None:
        with _snapshot(connection, None):
            sequences, objects = dict(_sequences(connection, without)), _objects(connection, without)
    used = BY_CRC if vectors_by_crc else BY_REALS
    return Fingerprint(algorithm=used, tables=tables, sequences=sequences, objects=objects)


def take_definitions(connection: Connection) -> Fingerprint:
    """As `take_fingerprint`, of definitions alone: no rows, no sequences. Two such are compared like any others."""
    with _snapshot(connection, None):
        objects = _objects(connection, {"without": []})
    return Fingerprint(algorithm="definitions", tables={}, sequences={}, objects=objects)


@contextmanager
def _snapshot(connection: Connection, exported: str | None) -> Iterator[None]:
    """A repeatable-read transaction in which values have one text form, whoever's session it is."""
    before = connection.isolation_level
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            if exported is not None:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(exported)))
            _require_superuser(connection)
            connection.execute(query("fingerprint", "settings"))
            yield
    finally:
        connection.isolation_level = before


def _require_superuser(connection: Connection) -> None:
    if not _one(connection, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"):
        raise NotMeasurable("a fingerprint needs a superuser: row-level security hides rows from every other role")


def _one(connection: Connection, statement: Any) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _tables(
    connection: Connection, without: Mapping[str, Any], *, vectors_by_crc: bool
) -> Iterator[tuple[str, TablePrint]]:
    found = connection.execute(query("fingerprint", "columns_of_tables"), without).fetchall()
    for name, rows in groupby(found, key=lambda row: str(row[0])):
        columns = {row[1]: _column_hash(row, vectors_by_crc=vectors_by_crc) for row in rows if row[1] is not None}
        values = connection.execute(_statement(name, columns)).fetchone()
        assert values is not None
        yield (
            name,
            TablePrint(
                rows=values[0],
                rows_hash=str(values[1]),
                columns={column: str(value) for column, value in zip(columns, values[2:], strict=True)},
            ),
        )


def _column_hash(row: Sequence[Any], *, vectors_by_crc: bool) -> sql.Composed:
    """An expression of 64 bits for one column's value."""
    _, attribute, type_name, send, schema, of_pgvector = row
    column = sql.Identifier(attribute)
    if of_pgvector and vectors_by_crc:
        function = sql.SQL(str(send).partition("(")[0])  # regprocedure text, quoted by the server
        return sql.SQL("crc32c({}({}))").format(function, column)
    if of_pgvector and type_name in {"vector", "halfvec"}:
        as_vector = sql.SQL("{}::{}").format(column, sql.Identifier(schema, "vector"))
        return sql.SQL("hash_array_extended(({})::real[], 0)").format(as_vector)
    if type_name in INTEGERS:
        return sql.SQL("hashint8extended({}::int8, 0)").format(column)
    return sql.SQL('hashtextextended({}::text COLLATE "C", 0)').format(column)


def _statement(table: str, columns: Mapping[str, sql.Composed]) -> sql.Composed:
    """Count, sum of the rows' hashes, sum of each column's. A row's hash chains those of its columns."""
    names = [sql.Identifier(f"h{number}") for number in range(len(columns))]
    chained: sql.Composable = sql.SQL("0")
    for name in names:
        chained = sql.SQL("hashint8extended({}, {})").format(name, chained)
    sums = [sql.SQL("coalesce(sum({}), 0)").format(name) for name in (chained, *names)]
    hashes = [
        sql.SQL("coalesce({}, {})::int8 AS {}").format(value, sql.Literal(ABSENT), name)
        for value, name in zip(columns.values(), names, strict=True)
    ]
    return sql.SQL("SELECT count(*), {} FROM (SELECT {} FROM ONLY {} {}) AS hashed").format(
        sql.SQL(", ").join(sums),
        sql.SQL(", ").join(hashes),
        sql.SQL(table),  # regclass text, quoted by the server
        ONCE,
    )


def _sequences(connection: Connection, without: Mapping[str, Any]) -> Iterator[tuple[str, SequencePrint]]:
    for name, increment in connection.execute(query("fingerprint", "sequences"), without).fetchall():
        statement = sql.SQL("SELECT last_value, is_called FROM {}").format(
            sql.SQL(name)  # regclass text
        )
        row = connection.execute(statement).fetchone()
        assert row is not None
        yield name, SequencePrint(last_value=row[0], is_called=row[1], increment=increment)


def _objects(connection: Connection, without: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for block in ("objects", "more_objects"):
        for kind, name, definition in connection.execute(query("fingerprint", block), without).fetchall():
            found.setdefault(kind, {})[name] = definition or ""
    return found


# --- comparing


def compare(before: Fingerprint, after: Fingerprint) -> tuple[Difference, ...]:
    """What of `before` is not the same in `after`, and what is there beyond it; nothing when they are equal.

    Raises NotMeasurable for fingerprints of different algorithms.
    """
    if before.algorithm != after.algorithm:
        raise NotMeasurable(
            f"fingerprints by different algorithms say nothing: {before.algorithm!r} and {after.algorithm!r}"
        )
    return (
        *_compare_tables(before.tables, after.tables),
        *_compare_sequences(before.sequences, after.sequences),
        *_compare_objects(before.objects, after.objects),
    )


def _compare_tables(before: Mapping[str, TablePrint], after: Mapping[str, TablePrint]) -> Iterator[Difference]:
    for name, was in before.items():
        now = after.get(name)
        if now is None:
            yield Difference(kind="table", name=name, what=f"missing, with {was.rows} rows")
        elif now.rows != was.rows:
            change = f"{abs(now.rows - was.rows)} rows {'missing' if now.rows < was.rows else 'too many'}"
            yield Difference(kind="table", name=name, what=f"{change} ({was.rows} before, {now.rows} now)")
        elif now != was:
            changed = [column for column, value in was.columns.items() if now.columns.get(column) != value]
            where = f"values of {', '.join(changed)} changed" if changed else "values changed places between rows"
            yield Difference(kind="table", name=name, what=f"the same {was.rows} rows, but {where}")
    for name in after.keys() - before.keys():
        yield Difference(kind="table", name=name, what="was not there before")


def _compare_sequences(before: Mapping[str, SequencePrint], after: Mapping[str, SequencePrint]) -> Iterator[Difference]:
    """A sequence that went on is harmless; one that fell back gives out keys that are taken."""
    for name, was in before.items():
        now = after.get(name)
        if now is None:
            yield Difference(kind="sequence", name=name, what="missing")
        elif now.used < was.used or now.descending != was.descending:
            what = f"fell back from {was.last_value} to {now.last_value}: keys will be given out twice"
            yield Difference(kind="sequence", name=name, what=what)


def _compare_objects(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[Difference]:
    for kind in sorted(before.keys() | after.keys()):
        was, now = before.get(kind, {}), after.get(kind, {})
        for name in sorted(was.keys() | now.keys()):
            if name not in now:
                yield Difference(kind=kind, name=name, what=f"missing (was: {_short(was[name])})")
            elif name not in was:
                yield Difference(kind=kind, name=name, what=f"was not there before (is: {_short(now[name])})")
            elif was[name] != now[name]:
                yield Difference(kind=kind, name=name, what=_change(kind, was[name], now[name]))


def _change(kind: str, was: str, now: str) -> str:
    """A changed definition; of grants only those that were lost or gained."""
    if not kind.startswith("grants"):
        return f"changed: was {_short(was)}, is {_short(now)}"
    before, after = was.split(", "), now.split(", ")
    lost = [grant for grant in before if grant not in after]
    gained = [grant for grant in after if grant not in before]
    parts = (("lost", lost), ("gained", gained))
    return "; ".join(f"{word} {_short(', '.join(grants))}" for word, grants in parts if grants)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "…"
