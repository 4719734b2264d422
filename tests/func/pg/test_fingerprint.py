"""Fingerprints on a real server: whatever a restore may lose is seen, the order of the rows is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.pg.fingerprint import compare, take_fingerprint
from gonogo.pg.sessions import Connection, session
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest

if TYPE_CHECKING:
    from tests.func.conftest import Running

SCHEMA = """
CREATE EXTENSION vector;
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, content text, at timestamptz,
    embedding vector(3)
);
CREATE INDEX notes_embedding ON notes USING hnsw (embedding vector_cosine_ops);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON notes TO rag_app;
ALTER DATABASE rag SET work_mem = '5MB';
CREATE MATERIALIZED VIEW numbers AS SELECT 1 AS number;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touched BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO notes (tenant, content, at, embedding)
SELECT 't' || i % 3, nullif('text ' || i, 'text 7'), now(), ARRAY[i, 1, 0.5]::vector FROM generate_series(1, 50) i;
"""


@pytest.fixture(scope="module")
def server(reference_stack: Running) -> Iterator[PostgresServer]:
    with reference_stack.stack.scratch_postgres(ScratchRequest(name="fingerprints"), Deadline.after(60)) as found:
        yield found


@pytest.fixture
def connection(server: PostgresServer) -> Iterator[Connection]:
    with session(server.dsn()) as found:
        found.execute("DROP TABLE IF EXISTS notes; DROP MATERIALIZED VIEW IF EXISTS numbers")
        found.execute("DROP DOMAIN IF EXISTS share; DROP AGGREGATE IF EXISTS longest(text)")
        found.execute("DROP FUNCTION IF EXISTS touch; DROP EXTENSION IF EXISTS vector; ALTER DATABASE rag RESET ALL")
        found.execute(SCHEMA)
        yield found


@pytest.mark.parametrize(
    ("change", "subject", "what"),
    [
        (
            # The last bit of one number of one vector: 4 becomes the next single-precision number.
            "UPDATE notes SET embedding = '[4.0000005,1,0.5]' WHERE id = 4",
            "table public.notes",
            "the same 50 rows, but values of embedding changed",
        ),
        (
            "UPDATE notes SET content = 'text 5' WHERE id = 4; UPDATE notes SET content = 'text 4' WHERE id = 5",
            "table public.notes",
            "the same 50 rows, but values changed places between rows",
        ),
        ("UPDATE notes SET content = '' WHERE id = 7", "table public.notes", "values of content changed"),
        ("DELETE FROM notes WHERE id = 9", "table public.notes", "1 rows missing (50 before, 49 now)"),
        ("SELECT setval('notes_id_seq', 49)", "sequence public.notes_id_seq", "fell back from 50 to 49"),
        ("DROP POLICY own ON notes", "policy public.notes.own", "missing"),
        ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "row security of table public.notes", "was enabled, forced"),
        ("REVOKE SELECT ON notes FROM rag_app", "grants of table public.notes", "lost SELECT to rag_app"),
        ("DROP INDEX notes_embedding", "index public.notes_embedding", "missing"),
        ("ALTER TABLE notes ALTER content SET NOT NULL", "column public.notes.content", "is text not null"),
        ("ALTER TABLE notes DROP CONSTRAINT notes_pkey", "constraint public.notes.notes_pkey", "missing"),
        ("ALTER DATABASE rag RESET work_mem", "setting of database rag work_mem", "missing (was: 5MB)"),
        ("REFRESH MATERIALIZED VIEW numbers WITH NO DATA", "view public.numbers", "(not populated)"),
        ("ALTER TABLE notes DISABLE TRIGGER touched", "trigger public.notes.touched", "is CREATE TRIGGER touched"),
        (
            "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'",
            "function public.touch()",
            "RETURN old",
        ),
        ("ALTER TABLE notes OWNER TO rag_owner", "owner of table public.notes", "is rag_owner"),
        ("ALTER TABLE notes SET UNLOGGED", "definition of table public.notes", "unlogged"),
        ("ALTER SEQUENCE notes_id_seq CYCLE", "definition of sequence public.notes_id_seq", "again and again"),
        ("COMMENT ON TABLE notes IS 'of people'", "comment table public.notes", "of people"),
        ("SELECT lo_from_bytea(7, 'abc')", "large object 7", "1 pages"),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO rag_app",
            "grants of what is made later by gonogo in public r",
            "SELECT to rag_app",
        ),
        ("CREATE RULE none AS ON DELETE TO notes DO INSTEAD NOTHING", "rule public.notes.none", "DO INSTEAD NOTHING"),
        ("CREATE DOMAIN share AS int CHECK (VALUE > 0)", "domain public.share", "share_check CHECK"),
        ("CREATE PUBLICATION news FOR TABLE notes", "publication news", "of public.notes"),
        ("CREATE STATISTICS many ON id, tenant FROM notes", "statistics public.many", "ON id, tenant"),
        ("CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text)", "aggregate public.longest(text)", "textcat"),
        (
            "UPDATE pg_database SET datctype = 'C.UTF-8' WHERE datname = 'rag'",
            "locale of database rag",
            "ctype C.UTF-8",
        ),
    ],
)
def test_a_fingerprint_sees(connection: Connection, change: str, subject: str, what: str) -> None:
    if "NOT NULL" in change:
        connection.execute("UPDATE notes SET content = 'there' WHERE content IS NULL")
    before = take_fingerprint(connection)
    connection.execute(change.encode())
    differences = compare(before, take_fingerprint(connection))
    assert what in next(one.what for one in differences if one.subject == subject)


def test_an_invalid_index_is_told(connection: Connection) -> None:
    before = take_fingerprint(connection)
    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notes_embedding'::regclass")
    (difference,) = compare(before, take_fingerprint(connection))
    assert (difference.subject, difference.what.endswith("(invalid)")) == ("index public.notes_embedding", True)


def test_the_order_of_rows_does_not_matter(connection: Connection) -> None:
    before = take_fingerprint(connection)
    connection.execute("UPDATE notes SET content = content WHERE id % 2 = 0")  # new row versions, at the end
    assert connection.execute("SELECT id FROM notes ORDER BY ctid").fetchall()[0] == (1,)
    assert compare(before, take_fingerprint(connection)) == ()
    assert before.tables["public.notes"].rows == 50


def test_rows_can_be_read_as_another_session_saw_them(connection: Connection, server: PostgresServer) -> None:
    before = take_fingerprint(connection)
    with session(server.dsn()) as holder:
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        row = holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        connection.execute("DELETE FROM notes WHERE id = 9; DROP INDEX notes_embedding")
        after = take_fingerprint(connection, snapshot=str(row[0]))
    assert [one.subject for one in compare(before, after)] == ["index public.notes_embedding"]


def test_schemas_can_be_left_out(connection: Connection) -> None:
    before = take_fingerprint(connection)
    connection.execute("CREATE SCHEMA ours; CREATE TABLE ours.entries (n int); CREATE SEQUENCE ours.numbers")
    try:
        assert compare(before, take_fingerprint(connection, without_schemas=["ours"])) == ()
        assert compare(before, take_fingerprint(connection)) != ()
    finally:
        connection.execute("DROP SCHEMA ours CASCADE")


def test_a_role_that_row_security_binds_takes_no_fingerprint(connection: Connection, server: PostgresServer) -> None:
    with session(server.dsn(Role.APPLICATION)) as bound, pytest.raises(NotMeasurable, match="superuser"):
        take_fingerprint(bound)


def test_workers_of_the_server_help(server: PostgresServer, connection: Connection) -> None:
    connection.execute("ALTER TABLE notes SET (parallel_workers = 2)")
    before = _workers_planned(server)
    alone = take_fingerprint(connection)
    connection.execute("SELECT pg_stat_force_next_flush()")
    assert _workers_planned(server) == before + 2
    connection.execute("ALTER TABLE notes SET (parallel_workers = 0)")
    assert take_fingerprint(connection).tables == alone.tables


def _workers_planned(server: PostgresServer) -> int:
    """By queries of the database that have ended."""
    with session(server.dsn()) as looking:
        row = looking.execute(
            "SELECT parallel_workers_to_launch FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_the_server_counts_in_its_own_options_is_no_difference(connection: Connection) -> None:
    connection.execute("ALTER TABLE notes ALTER tenant SET (n_distinct = 5)")
    before = take_fingerprint(connection)
    connection.execute("SET allow_system_table_mods = on")
    connection.execute(
        "UPDATE pg_attribute SET attoptions = coalesce(attoptions, '{}') || '{pg_attver=23134768}'"
        " WHERE attrelid = 'notes'::regclass AND attnum > 0"
    )
    assert compare(before, take_fingerprint(connection)) == ()
    connection.execute(
        "UPDATE pg_attribute SET attoptions = '{pg_attver=7,n_distinct=6}'"
        " WHERE attrelid = 'notes'::regclass AND attname = 'tenant'"
    )
    assert [one.subject for one in compare(before, take_fingerprint(connection))] == ["column public.notes.tenant"]
