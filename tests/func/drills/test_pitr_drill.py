"""The drill of point-in-time recovery, end to end on the reference stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.outcome import Outcome
from gonogo.drills.pitr import Pitr
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.pg.sessions import session
from gonogo.runners.drill import run_drill

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

ID = "restore_drills/pitr"


def drilled(running: Running, **options: Any) -> Kept:
    context, recorder = running.context(ID, seconds=400)
    run_drill(context, running.inputs.verifications[ID].spec, **options)
    return recorder


def outcomes(running: Running, kept: Kept) -> dict[str, Outcome]:
    expectations = resolved_expectations(running.inputs.verifications[ID], running.inputs.objectives)
    return {one.observation: judge_expectation(one, kept.observations, None).outcome for one in expectations}


def slots(running: Running) -> list[Any]:
    with session(running.stack.postgres().dsn()) as connection:
        return connection.execute("SELECT slot_name FROM pg_replication_slots").fetchall()


@pytest.mark.parametrize("target", ["name", "lsn", "xid"])  # the shipped drill and its self-test take a time
def test_recovery_reaches_its_target_and_goes_no_further(reference_stack: Running, target: str) -> None:
    kept = drilled(reference_stack, changes={"target": target})

    assert set(outcomes(reference_stack, kept).values()) == {Outcome.PASS}
    assert kept.value("unexpected_rows") == 0
    phases = [entry.subject for entry in kept.observations if entry.name == "phase_seconds"]
    assert phases[:5] == ["provision", "copy", "verify", "fetch WAL", "WAL replay"]
    assert slots(reference_stack) == [], "a slot that is left keeps all WAL for ever"


def test_a_receiver_that_died_unnoticed_is_found(reference_stack: Running) -> None:
    kept = drilled(reference_stack, artefact_defect="receiver_died")
    (restored,) = [entry for entry in kept.observations if entry.name == "restored"]
    assert restored.value is False
    assert "recovery target" in restored.detail
    assert slots(reference_stack) == []


def test_a_recovery_that_pauses_at_its_target_is_no_restore(
    reference_stack: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Pitr.settings
    monkeypatch.setattr(Pitr, "settings", lambda *given: {**settings(*given), "recovery_target_action": "pause"})
    kept = drilled(reference_stack)
    (restored,) = [entry for entry in kept.observations if entry.name == "restored"]
    assert restored.value is False
    assert "it is paused" in restored.detail
