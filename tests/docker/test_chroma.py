"""ChromaDB in a container: seeded through the template's volume, killed, and back with its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.func.conftest import running
from tests.func.stacks.test_chroma import observed

from gonogo.core.outcome import Capability
from gonogo.faults import FAULTS
from gonogo.faults.service_killed import ServiceKilledParameters
from gonogo.stacks.chroma import vector_store
from gonogo.stacks.contract import application_of, questions_of

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def test_the_personal_stack_agrees_with_itself_and_outlives_its_vector_store(
    engine: DockerClient, tmp_path: Path
) -> None:
    with running(tmp_path / "run", stack="personal", runtime="docker") as personal:
        assert "chromadb/chroma:1.5.9" in personal.stack.images["vectors"]
        assert Capability.LIMIT_DISK in personal.stack.capabilities
        agreed = {"missing_vectors": (), "orphan_vectors": (), "texts_that_differ": ()}
        assert observed(personal, "stores_agree") == agreed
        context, _ = personal.context("chaos/test")
        parameters = ServiceKilledParameters.model_validate({"kind": "chroma"})
        killed = FAULTS.load("service_killed").inject(context, parameters)
        try:
            assert not vector_store(personal.stack, "vectors").is_running()
            with application_of(personal.stack) as application:
                question = questions_of(personal.stack)[0]
                assert application.search("me", question.question).answer.status == 503
        finally:
            killed.heal(context)
        assert observed(personal, "stores_agree") == agreed
        run = personal.run.run_id
    names = [one.name for one in engine.containers.list(all=True)] + [one.id for one in engine.volumes.list()]
    assert not [name for name in names if run in str(name)]
