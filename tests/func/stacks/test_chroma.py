"""ChromaDB beside a stack's database, and the checks of the two stores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.func.conftest import Running, running

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, NotMeasurable, StackError
from gonogo.faults import FAULTS
from gonogo.faults.service_killed import ServiceKilledParameters
from gonogo.pg.sessions import session
from gonogo.probes import PROBES
from gonogo.stacks.chroma import chroma_of, vector_store
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.interfaces import Role
from gonogo.stacks.local.processes import read_process
from gonogo.stacks.services import Declared
from gonogo.stacks.services.chroma import BINDIR, SERVICE, ChromaParameters, find_program

REQUIRED = "GONOGO_REQUIRE_CHROMA"
COLLECTION = "passages"


def declared(**keys: str) -> Declared:
    parameters = ChromaParameters.model_validate(keys)
    kind: Any = SERVICE  # its parameters are a narrower type than the protocol's
    return Declared(
        name="vectors", kind=kind, kind_name="chroma", optional=False, parameters=parameters, folder=Path("/")
    )


@pytest.fixture(scope="module")
def personal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The personal stack, for tests that leave it working."""
    try:
        find_program(declared())
    except MissingCapability as error:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED} is set, and {error}")
        pytest.skip(str(error))
    with running(tmp_path_factory.mktemp("personal") / "run", stack="personal") as found:
        yield found


def observed(stack: Running, probe: str, **parameters: object) -> dict[str, object]:
    context, _ = stack.context()
    found = PROBES.load(probe)
    return {one.name: one.value for one in found.observe(context, found.parameters.model_validate(parameters))}


def test_both_stores_hold_the_same_and_the_store_measures_as_declared(personal: Running) -> None:
    assert observed(personal, "stores_agree") == {
        "missing_vectors": (), "orphan_vectors": (), "texts_that_differ": ()
    }  # fmt: skip
    measured = observed(personal, "vector_store", n=20, k=5)
    assert measured["space_as_declared"] is True
    assert measured["dimensions_as_declared"] is True
    assert isinstance(measured["distance_error"], float)
    assert measured["distance_error"] < 0.001
    assert isinstance(measured["recall"], float)
    assert measured["recall"] > 0.95


def test_documents_come_and_go_in_both_stores(personal: Running) -> None:
    question = questions_of(personal.stack)[0]
    assert question.tenant == "me"
    with application_of(personal.stack) as application:
        for text in ("The Vellamo lies in nine fathoms.", "The Vellamo was raised again. " * 60):
            assert application.ingest("me", "vellamo", "The Vellamo", text).ok
            assert observed(personal, "stores_agree")["orphan_vectors"] == ()
        found = application.search("me", "Where does the Vellamo lie?", 3)
        assert found.hits[0].document == "vellamo"
        assert application.delete("me", "vellamo").ok
    after = observed(personal, "stores_agree")
    assert (after["missing_vectors"], after["orphan_vectors"]) == ((), ())


def test_what_one_store_lacks_is_named(personal: Running) -> None:
    with session(personal.stack.postgres().dsn(Role.OWNER), timeout_seconds=10) as connection:
        row = connection.execute(
            "INSERT INTO chunks (document_id, position, content) SELECT min(id), 99, 'new' FROM documents RETURNING id"
        ).fetchone()
        assert row is not None
        try:
            assert observed(personal, "stores_agree")["missing_vectors"] == (str(row[0]),)
        finally:
            connection.execute("DELETE FROM chunks WHERE id = %s", [row[0]])


def test_a_killed_chroma_comes_back_with_its_vectors(personal: Running) -> None:
    context, _ = personal.context("chaos/test")
    question = questions_of(personal.stack)[0]
    store = vector_store(personal.stack, "vectors")
    (old,) = store.pids()
    fault = FAULTS.load("service_killed")
    killed = fault.inject(context, ServiceKilledParameters.model_validate({"kind": "chroma", "after": "0s"}))
    try:
        with chroma_of(personal.stack, "vectors") as client, pytest.raises(NotMeasurable, match="does not answer"):
            client.collection(COLLECTION)
        with application_of(personal.stack) as application:
            during = application.search("me", question.question).answer
            ready = application.ready()
    finally:
        proof = killed.heal(context)

    assert (during.status, during.headers["retry-after"]) == (503, "1")
    assert (ready.status, ready.json()["failing"]) == (503, ["vectors"])
    assert "1 processes gone" in killed.proof
    assert "is ready" in proof
    assert read_process(old) is None
    assert store.pids() != (old,)
    assert observed(personal, "stores_agree")["missing_vectors"] == ()
    with application_of(personal.stack) as application:
        Deadline.after(10).poll(
            lambda: application.search("me", question.question).answer.ok, every_seconds=0.1, what="search is back"
        )


def test_a_missing_program_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GONOGO_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingCapability, match="no chroma is on PATH: install chromadb into"):
        find_program(declared())
    monkeypatch.setenv(BINDIR, str(tmp_path))
    with pytest.raises(MissingCapability, match="holds no program chroma"):
        find_program(declared())
    program = tmp_path / "venv" / "bin" / "chroma"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_program(declared(bindir=str(tmp_path / "venv"))) == program


def test_a_stack_without_the_program_does_not_start_unless_it_is_optional(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BINDIR, str(tmp_path))
    stack = tmp_path / "two.yaml"
    text = "stack: two\nservices: {db: {kind: postgres}, vectors: {kind: chroma, optional: %s}}\ndata: {service: db}\n"
    stack.write_text(text % "false")
    with (
        pytest.raises(StackError, match=r"services\.vectors: .* holds no program chroma"),
        running(tmp_path / "run-1", stack=str(stack)),
    ):
        pass
    stack.write_text(text % "true")
    with running(tmp_path / "run-2", stack=str(stack)) as found:
        assert set(found.stack.services) == {"db"}
        assert found.facts.left_out == ("vectors",)
