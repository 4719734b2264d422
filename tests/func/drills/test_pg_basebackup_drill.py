"""The drill of the base backup, end to end on the reference stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.outcome import Outcome
from gonogo.drills import METHODS
from gonogo.drills.pg_basebackup import MANIFEST, PgBasebackupParameters, archives_of
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.pg.fingerprint import compare
from gonogo.runners.baseline import fingerprint_of
from gonogo.runners.drill import run_drill
from gonogo.stacks.local import server

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

ID = "restore_drills/pg_basebackup"


def drilled(running: Running, **options: Any) -> Kept:
    context, recorder = running.context(ID, seconds=400)
    run_drill(context, running.inputs.verifications[ID].spec, **options)
    return recorder


def outcomes(running: Running, kept: Kept) -> dict[str, Outcome]:
    expectations = resolved_expectations(running.inputs.verifications[ID], running.inputs.objectives)
    return {one.observation: judge_expectation(one, kept.observations, None).outcome for one in expectations}


def leftovers(running: Running) -> list[str]:
    return [path.name for path in running.stack.scratch.iterdir() if path.name.startswith(("drill-", "restored-"))]


@pytest.mark.parametrize("changes", [{}, {"format": "tar", "compression": "gzip:1"}], ids=["plain", "tar.gz"])
def test_a_good_backup_starts_and_is_the_database(reference_stack: Running, changes: dict[str, Any]) -> None:
    source = reference_stack.stack.postgres()
    before = fingerprint_of(source)
    kept = drilled(reference_stack, changes=changes)

    assert set(outcomes(reference_stack, kept).values()) == {Outcome.PASS}
    phases = [entry.subject for entry in kept.observations if entry.name == "phase_seconds"]
    assert phases[:5] == ["provision", "copy", "verify", "WAL replay", "first session"]
    assert "vector indexes" not in phases, "they come as files"
    assert kept.value("acknowledged_rows_lost") > 0, "writes went on after the backup"
    assert kept.value("unexpected_rows") == 0
    assert compare(before, fingerprint_of(source)) == (), "the source is left as it was"
    assert leftovers(reference_stack) == []


def test_a_backup_without_its_wal_does_not_start_and_the_server_says_why(reference_stack: Running) -> None:
    kept = drilled(reference_stack, artefact_defect="wal_missing", changes={"verify": False})
    (restored,) = [entry for entry in kept.observations if entry.name == "restored"]
    assert restored.value is False
    assert "no server starts from the restored files" in restored.detail
    assert leftovers(reference_stack) == []


def test_a_server_that_needs_more_time_than_it_gets_is_not_known(
    reference_stack: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0.0)
    with pytest.raises(NotMeasurable, match=r"whether the restored server starts is not known: .*time limit reached"):
        drilled(reference_stack)
    assert leftovers(reference_stack) == []


def test_a_tar_backup_holds_what_is_unpacked(reference_stack: Running, tmp_path: Path) -> None:
    context, _ = reference_stack.context(ID)
    parameters = PgBasebackupParameters(format="tar", compression="gzip:1")
    artefact = METHODS.load("pg_basebackup").backup(context, parameters, reference_stack.stack.postgres(), tmp_path)
    assert [path.name for path, _ in archives_of(artefact.path)] == ["base.tar.gz", "pg_wal.tar.gz"]
    assert (artefact.path / MANIFEST).is_file()
    assert artefact.size_bytes > 1_000_000
