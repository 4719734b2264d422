"""Drills of Redis and ChromaDB in containers: copied out of one volume, started from another, bad copies noticed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.func.conftest import running
from tests.func.drills.test_store_drills import AOF, CHROMA, RDB, STACK, outcomes

from gonogo.core.outcome import Capability, Outcome
from gonogo.runners.store_drill import run_store_drill

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def test_stores_in_containers_come_back_from_copies_and_nothing_is_left(engine: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "stores.yaml").write_text(STACK)
    with running(tmp_path / "run", stack=str(tmp_path / "stores.yaml"), runtime="docker") as stores:
        assert {Capability.SCRATCH_REDIS, Capability.SCRATCH_CHROMA} <= stores.stack.capabilities
        for identifier, defect, red in (
            (AOF, None, set()),
            (RDB, "lifetimes_dropped", {"lifetimes_differ"}),
            (CHROMA, None, set()),
            (CHROMA, "collection_missing", {"restored", "answers_right", "contents_differ"}),
        ):
            context, kept = stores.context(identifier, seconds=120)
            run_store_drill(context, stores.inputs.verifications[identifier].spec, artefact_defect=defect)
            seen = outcomes(stores, identifier, kept)
            assert {name for name, outcome in seen.items() if outcome is Outcome.FAIL} >= red
            assert red or set(seen.values()) == {Outcome.PASS}
        run = stores.run.run_id
    names = [one.name for one in engine.containers.list(all=True)] + [one.id for one in engine.volumes.list()]
    assert not [name for name in names if run in str(name)]
