"""Rows by binary COPY: what went out comes in again to the bit, and a part that is missing is missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.pg import bulk
from gonogo.pg.fingerprint import take_fingerprint
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import PostgresServer, ScratchRequest

if TYPE_CHECKING:
    from tests.func.conftest import Running

SCHEMA = """
CREATE EXTENSION vector;
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one"."a ""b"" c" (
    id bigint GENERATED ALWAYS AS IDENTITY, twice bigint GENERATED ALWAYS AS (id * 2) STORED, "Text" text,
    embedding vector(3)
);
CREATE TABLE large (id int, filler text);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
"""
ROWS = """
INSERT INTO "Odd one"."a ""b"" c" ("Text", embedding)
    SELECT nullif('text ' || i, 'text 7'), ARRAY[i, 1, 0.5]::vector FROM generate_series(1, 50) i;
INSERT INTO large SELECT i, repeat('x', 1500) FROM generate_series(1, 12000) i;
INSERT INTO parts SELECT generate_series(0, 9);
"""
EMPTY = 'TRUNCATE "Odd one"."a ""b"" c", large, parts'


@pytest.fixture(scope="module")
def server(reference_stack: Running) -> Iterator[PostgresServer]:
    request = ScratchRequest(name="bulk")
    with reference_stack.stack.scratch_postgres(request, Deadline.after(120)) as made:
        with session(made.dsn()) as connection:
            connection.execute((SCHEMA + ROWS).encode())
        yield made


def test_rows_come_back_to_the_bit_in_parts_and_without_one_they_do_not(server: PostgresServer, tmp_path: Path) -> None:
    with session(server.dsn()) as connection:
        before = take_fingerprint(connection)
        tables = bulk.tables(connection)
        assert [(one.schema, one.name) for one in tables] == [
            ("Odd one", 'a "b" c'), ("public", "large"), ("public", "parts_1"),
        ]  # fmt: skip
        parts, seconds = bulk.copy_out(server.dsn(), tables, tmp_path, jobs=2, timeout_seconds=60)
        assert seconds > 0
        assert sorted(part.path.stat().st_mode & 0o777 for part in parts) == [0o600] * 4
        connection.execute(EMPTY.encode())
        bulk.copy_in(server.dsn(), parts, jobs=2, timeout_seconds=60)
        assert take_fingerprint(connection).tables == before.tables
        connection.execute(EMPTY.encode())
        bulk.copy_in(server.dsn(), parts[:-2] + parts[-1:], jobs=2, timeout_seconds=60)
        assert take_fingerprint(connection).tables != before.tables
