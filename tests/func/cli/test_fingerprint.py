"""`gonogo fingerprint` on a real server: whole, the same twice, without secrets, without a trace on the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.func.cli.gonogo import gonogo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import UsageError
from gonogo.engine.portraits import portrait_of, write_portrait
from gonogo.pg.fingerprint import compare
from gonogo.pg.portrait import read_portrait
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest

if TYPE_CHECKING:
    from tests.func.conftest import Running

SCHEMA = """
CREATE EXTENSION vector;
CREATE TABLE notes (
    id bigserial PRIMARY KEY, tenant text NOT NULL, content text CHECK (content <> ''), embedding vector(3)
);
CREATE INDEX notes_embedding ON notes USING hnsw (embedding vector_cosine_ops);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON notes TO rag_app;
ALTER DATABASE rag SET hnsw.ef_search = '80';
ALTER ROLE rag_app IN DATABASE rag SET app.api_key = 'open-sesame';
CREATE FUNCTION remote() RETURNS text LANGUAGE sql AS $$ SELECT 'postgresql://app:hunter22@elsewhere/rag' $$;
INSERT INTO notes (tenant, content, embedding) SELECT 't' || i % 3, 'text ' || i, ARRAY[i, 1, 0.5]::vector
FROM generate_series(1, 50) i;
"""


@pytest.fixture(scope="module")
def server(reference_stack: Running) -> Iterator[PostgresServer]:
    with reference_stack.stack.scratch_postgres(ScratchRequest(name="portraits"), Deadline.after(60)) as found:
        with session(found.dsn()) as connection:
            connection.execute(SCHEMA)
        yield found


def test_everything_that_a_backup_must_bring_back_is_written_down_twice_alike(
    server: PostgresServer, tmp_path: Path
) -> None:
    ended = gonogo("fingerprint", server.dsn(), "--out", tmp_path / "one.json")
    write_portrait(server.dsn(), tmp_path / "two.json")
    one, two = ((tmp_path / name).read_bytes() for name in ("one.json", "two.json"))
    assert (ended.code, one) == (0, two), ended.err
    assert "50 rows in 1 tables" in ended.out

    record = json.loads(one)
    assert (record["format"], record["schema_version"]) == ("gonogo database facts", 2)
    objects = record["fingerprint"]["objects"]
    assert record["fingerprint"]["tables"]["public.notes"]["rows"] == 50
    assert "app.tenant" in objects["policy"]["public.notes.own"]
    assert "vector_cosine_ops" in objects["index"]["public.notes_embedding"]
    assert objects["setting"]["of database rag hnsw.ef_search"] == "80"
    assert {"extension", "constraint", "grants of table", "row security of table", "owner of table"} <= set(objects)
    assert record["fingerprint"]["sequences"]["public.notes_id_seq"]["last_value"] == 50
    assert record["roles"]["rag_app"] == "may log in"


def test_no_secret_is_written_and_another_secret_is_a_difference(server: PostgresServer, tmp_path: Path) -> None:
    before = write_portrait(server.dsn(), tmp_path / "facts.json")
    text = (tmp_path / "facts.json").read_text()
    for secret in ("open-sesame", "hunter22", "SCRAM", server.dsn().partition("password=")[2].split()[0]):
        assert secret not in text
    with session(server.dsn()) as connection:
        connection.execute("ALTER ROLE rag_app IN DATABASE rag SET app.api_key = 'another one'")
    after = portrait_of(server.dsn())
    (difference,) = compare(before.fingerprint, after.fingerprint)
    assert "another one" not in str(difference)
    assert "app.api_key" in difference.name


def test_a_file_comes_back_as_it_was_and_anything_else_is_refused(server: PostgresServer, tmp_path: Path) -> None:
    portrait = write_portrait(server.dsn(), tmp_path / "facts.json")
    content = (tmp_path / "facts.json").read_bytes()
    assert read_portrait(content, "facts.json") == portrait
    for broken in (b"", b"[]", b"{}", content[:200], content.replace(b'"schema_version": 2', b'"schema_version": 1')):
        with pytest.raises(UsageError, match=r"facts.json is no facts file"):
            read_portrait(broken, "facts.json")


def test_a_role_that_does_not_see_every_row_writes_nothing(server: PostgresServer, tmp_path: Path) -> None:
    ended = gonogo("fingerprint", server.dsn(Role.APPLICATION), "--out", tmp_path / "facts.json")
    assert (ended.code, "superuser" in ended.err) == (3, True), ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_not_there_is_a_clear_message(server: PostgresServer, tmp_path: Path) -> None:
    dsn = server.dsn(database="nowhere")
    ended = gonogo("fingerprint", dsn, "--out", tmp_path / "facts.json")
    assert (ended.code, 'database "nowhere" does not exist' in ended.err) == (2, True), ended.err
    assert dsn.partition("password=")[2].split()[0] not in ended.err
