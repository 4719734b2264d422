"""Drills of stores beside the database, on real servers: green as they are, red on every way to break their copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.func.conftest import running

from gonogo.core.errors import NotMeasurable
from gonogo.core.outcome import Outcome
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.runners.store_drill import run_store_drill
from gonogo.stacks.redis import Redis, redis_server

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

    from gonogo.spec.defect import DefectSpec

STACK = """
stack: stores
services:
  cache: {kind: redis, settings: {save: "3600 1", appendonly: "yes", databases: "4"}}
contract: {service: app, tenants: {}}
data: {service: db, tables: {}}
objectives: {rto: 1min, rpo: 24h}
"""
RDB, AOF = "restore_drills/redis_rdb", "restore_drills/redis_aof"
needs_redis = pytest.mark.skipif(
    not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="no Redis is on PATH"
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack of one Redis that keeps its data."""
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
def test_every_broken_copy_is_noticed(stores: Running, identifier: str) -> None:
    defects = [one for one in stores.inputs.verifications[identifier].spec.defect if one.objectives is None]
    assert len(defects) >= 7
    missed = {
        defect.name: {name: seen[name] for name in defect.fails if seen.get(name) is not Outcome.FAIL}
        for defect in defects
        if (seen := outcomes(stores, identifier, drilled(stores, identifier, defect)))
    }
    assert {name: one for name, one in missed.items() if one} == {}


@needs_redis
def test_a_redis_without_a_log_has_none_to_restore_from(stores: Running) -> None:
    with Redis(redis_server(stores.stack, "cache").port) as redis:
        redis.command("CONFIG", "SET", "appendonly", "no")
        try:
            with pytest.raises(NotMeasurable, match="appendonly no"):
                drilled(stores, AOF)
        finally:
            redis.command("CONFIG", "SET", "appendonly", "yes")
