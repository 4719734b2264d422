"""The embedded runtime: real servers, from a template, nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import session
from gonogo.stacks.cleanup import leftovers
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.interfaces import Role, ScratchRequest
from gonogo.stacks.local import empty
from gonogo.stacks.local.mounts import mounts_below


def test_the_reference_stack_can_do_everything(reference_stack: Any) -> None:
    # For what already runs; where the stack file gives `disk:`; where there is a Chroma.
    undeclared = {Capability.HOOKS, Capability.LIMIT_DISK, Capability.SCRATCH_CHROMA}
    assert set(reference_stack.stack.missing) == undeclared
    assert set(Capability) - undeclared == reference_stack.stack.capabilities


def test_it_answers_a_question_of_known_answer(reference_stack: Any) -> None:
    with application_of(reference_stack.stack) as application:
        question = questions_of(reference_stack.stack)[0]
        answer = application.search(question.tenant, question.question, 10)
    assert answer.answer.status == 200
    assert question.document in [hit.document for hit in answer.hits]


def test_servers_listen_on_the_loopback_only_and_refuse_a_wrong_password(reference_stack: Any) -> None:
    server = reference_stack.stack.postgres()
    assert server.host == "127.0.0.1"
    with session(server.dsn()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn(), password="wrong").close()


def test_postgres_does_not_run_as_root(reference_stack: Any) -> None:
    (pid,) = reference_stack.stack.postgres().pids()
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_a_scratch_server_is_fresh_and_goes_away(reference_stack: Any) -> None:
    stack = reference_stack.stack
    with stack.scratch_postgres(ScratchRequest(name="fresh"), Deadline.after(60)) as target:
        assert target.port != stack.postgres().port
        with session(target.dsn(Role.OWNER)) as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(tables).fetchone() == (0,)
        port = target.port
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={port} dbname=rag user=gonogo connect_timeout=2").close()


@pytest.mark.parametrize("laid", [True, False])
def test_a_scratch_server_leaves_its_template_as_it_was(
    reference_stack: Any, monkeypatch: pytest.MonkeyPatch, laid: bool
) -> None:
    if not laid:
        monkeypatch.setattr(empty, "mount_over", lambda *_: "overlays are not for you")
    for _ in range(2):
        with reference_stack.stack.scratch_postgres(ScratchRequest(name="kept"), Deadline.after(60)) as target:
            assert bool(mounts_below(target.data)) is (laid and os.geteuid() == 0)
            with session(target.dsn(database="postgres")) as connection:
                connection.execute("DROP DATABASE rag")
                connection.execute("CREATE DATABASE rag OWNER rag_owner")
            with session(target.dsn()) as connection:
                connection.execute("CREATE TABLE mine AS SELECT 1")
        assert not target.folder.exists()
        assert mounts_below(target.folder) == ()


def test_nothing_is_left_after_close(fresh_stack: Callable[..., Any]) -> None:
    found = fresh_stack()
    run_id, scratch = found.run.run_id, found.run.scratch
    assert any(one.startswith("process") for one in leftovers(run_id, scratch))
    found.stack.close()
    assert [one for one in leftovers(run_id, scratch) if one.startswith("process")] == []


def test_discovery_sees_what_the_database_has_whatever_the_stack_file_says(reference_stack: Any) -> None:
    facts = reference_stack.facts
    assert facts.vector_columns == ("chunks.embedding",)
    assert facts.streaming == ("replica",)
    assert facts.row_security == ("chunks", "documents", "messages")
