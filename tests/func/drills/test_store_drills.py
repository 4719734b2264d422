"""Drills of stores beside the database, on real servers: green as they are, red on every way to break their copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.func.conftest import running

from gonogo.core.errors import NotMeasurable
from gonogo.core.outcome import Outcome
from gonogo.drills.stores._chroma import connected, server_of
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.runners.store_drill import run_store_drill
from gonogo.stacks.chroma import Record
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.redis import Redis, redis_server

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

    from gonogo.spec.defect import DefectSpec

STACK = """
stack: stores
services:
  cache: {kind: redis, optional: true, settings: {save: "3600 1", appendonly: "yes", databases: "4"}}
  vectors: {kind: chroma, optional: true}
contract: {service: app, tenants: {}}
data: {service: db, tables: {}}
objectives: {rto: 1min, rpo: 24h}
"""
RDB, AOF, CHROMA = "restore_drills/redis_rdb", "restore_drills/redis_aof", "restore_drills/chroma_directory"
SAMPLE = {  # `make selftest-stacks` shows them all
    RDB: ("byte_flipped", "lifetimes_dropped", "of_another_day"),
    AOF: ("value_flipped", "cut_in_the_middle", "manifest_missing", "log_without_a_write"),
    CHROMA: ("segments_missing", "links_lost"),
}
ENOUGH = 1100  # vectors: from 1000 on Chroma writes the files of its index
needs_redis = pytest.mark.skipif(
    not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="no Redis is on PATH"
)


needs_chroma = pytest.mark.skipif(
    not (shutil.which("chroma") or (cache_folder() / "chroma/bin/chroma").exists()), reason="no chroma is set up"
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack of a Redis that keeps its data and a Chroma, as far as this machine has them."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "stores.yaml").write_text(STACK)
    with running(folder / "run", stack=str(folder / "stores.yaml")) as found:
        yield found


def drilled(running: Running, identifier: str, defect: DefectSpec | None = None) -> Kept:
    context, recorder = running.context(identifier, seconds=60)
    spec = running.inputs.verifications[identifier].spec
    artefact, changes = (defect.artefact, defect.with_) if defect else (None, None)
    run_store_drill(context, spec, artefact_defect=artefact, changes=changes)
    return recorder


def outcomes(running: Running, identifier: str, kept: Kept, objectives: object = None) -> dict[str, Outcome]:
    wanted = {**running.inputs.objectives, **(objectives if isinstance(objectives, dict) else {})}
    expectations = resolved_expectations(running.inputs.verifications[identifier], wanted)
    return {one.observation: judge_expectation(one, kept.observations, None).outcome for one in expectations}


@needs_redis
@pytest.mark.parametrize("identifier", [RDB, AOF])
def test_a_copy_comes_back_whole_and_is_measured(stores: Running, identifier: str) -> None:
    with Redis(redis_server(stores.stack, "cache").port) as redis:
        redis.command("SET", "session", "somebody", "EX", 3600)
        kept = drilled(stores, identifier)

        assert set(outcomes(stores, identifier, kept).values()) == {Outcome.PASS}
        assert outcomes(stores, identifier, kept, {"rto": "1ms"})["rto"] is Outcome.FAIL
        phases = [one.value for one in kept.observations if one.name == "phase_seconds"]
        assert kept.value("rto") == pytest.approx(sum(one for one in phases if isinstance(one, float)), abs=1e-9)
        assert kept.value("acknowledged_writes_lost") > 0, "writes went on after the copy"
        assert 0 < kept.value("rpo") < 60
        assert redis.command("KEYS", "*") == [b"session"], "nothing of the drill stays at the source"
        assert redis.setting("auto-aof-rewrite-percentage") == "100"


@needs_redis
@pytest.mark.parametrize("identifier", [RDB, AOF])
def test_broken_copies_are_noticed(stores: Running, identifier: str) -> None:
    assert missed(stores, identifier) == {}


def missed(stores: Running, identifier: str) -> dict[str, list[str]]:
    """What each defect of the sample should have turned red, and did not."""
    found: dict[str, list[str]] = {}
    for defect in stores.inputs.verifications[identifier].spec.defect:
        if defect.artefact in SAMPLE[identifier]:
            seen = outcomes(stores, identifier, drilled(stores, identifier, defect))
            found[defect.name] = [name for name in defect.fails if seen.get(name) is not Outcome.FAIL]
    assert len(found) == len(SAMPLE[identifier])
    return {name: one for name, one in found.items() if one}


@needs_redis
def test_a_snapshot_beside_a_log_that_is_on_is_not_read_at_all(stores: Running) -> None:
    context, kept = stores.context(RDB, seconds=60)
    run_store_drill(context, stores.inputs.verifications[RDB].spec, changes={"appendonly": True})
    assert kept.value("restored") is False
    assert kept.value("contents_differ") > 0


@needs_redis
def test_a_redis_without_a_log_has_none_to_restore_from(stores: Running) -> None:
    with Redis(redis_server(stores.stack, "cache").port) as redis:
        redis.command("CONFIG", "SET", "appendonly", "no")
        try:
            with pytest.raises(NotMeasurable, match="appendonly no"):
                drilled(stores, AOF)
        finally:
            redis.command("CONFIG", "SET", "appendonly", "yes")


@pytest.fixture
def passages(stores: Running) -> Iterator[None]:
    """A collection large enough for an index in files."""
    random = np.random.default_rng(1)
    with connected(server_of(stores.context()[0], None)) as server:
        collection = server.make("passages")
        for start in range(0, ENOUGH, 220):
            vectors = random.normal(size=(220, 8)).tolist()
            server.put(
                collection,
                [Record(id=str(start + n), text=f"Passage {start + n}.", vector=one, metadata={"part": n})
                 for n, one in enumerate(vectors)],
            )  # fmt: skip
        yield
        server.remove("passages")


@needs_chroma
@pytest.mark.usefixtures("passages")
def test_the_folder_of_a_chroma_comes_back_whole_and_broken_copies_are_noticed(stores: Running) -> None:
    context, kept = stores.context(CHROMA, seconds=60)
    run_store_drill(context, stores.inputs.verifications[CHROMA].spec, changes={"format": "tar"})

    assert set(outcomes(stores, CHROMA, kept).values()) == {Outcome.PASS}
    assert kept.value("acknowledged_writes_lost") > 0
    with connected(server_of(stores.context()[0], None)) as server:
        assert [one.name for one in server.collections()] == ["passages"], "nothing of the drill stays at the source"
    assert missed(stores, CHROMA) == {}
