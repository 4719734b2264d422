"""`clean` deals with every record that it can, and says which it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.cli._recovery import tell
from gonogo.engine.recover import clean, heal
from gonogo.rundir.state import RunIdentity, RunState
from gonogo.stacks.undo.ledger_schema import LedgerSchemaUndo
from gonogo.stacks.undo.server_settings import ServerSettingsUndo


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GONOGO_SCRATCH", str(tmp_path))


def a_dead_run(tmp_path: Path, *kinds: str) -> None:
    """A run that was killed after it had recorded what it was about to do."""
    identity = RunIdentity(
        run_id="20261124-000000-dead00", run_directory=str(tmp_path / "run"), scratch=str(tmp_path / "scratch"),
        pid=0, boot_id="",
    )  # fmt: skip
    state = RunState(identity)
    for kind in kinds:
        state.intend(kind, {})
    state.close(forget=False)


def test_a_run_that_was_killed_while_the_model_was_away_is_forgotten(tmp_path: Path) -> None:
    a_dead_run(tmp_path, "llm_stub")
    found = clean()
    assert (found.problems, len(found.undone)) == ([], 1)
    assert clean().runs == []


@pytest.mark.parametrize("fault", ["primary_killed", "service_killed", "pool_exhausted", "disk_full"])
def test_what_died_with_its_run_is_not_said_to_be_healed(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_dead_run(tmp_path, f"fault:{fault}")
    found = heal()
    assert (found.problems, found.undone, len(found.settled)) == ([], [], 1)
    assert heal().runs == []
    with pytest.raises(SystemExit):
        tell(found, "healed")
    assert "nothing to undo of run 20261124-000000-dead00: fault:" in (said := capsys.readouterr().out)
    assert "healed" not in said


def test_a_record_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    """A scratch record without its path, as another version may have written it."""
    a_dead_run(tmp_path, "llm_stub", "scratch", "llm_stub")
    found = clean()
    assert len(found.undone) == 2
    assert len(found.problems) == 1
    assert "scratch" in found.problems[0]
    assert [path.name for path in (tmp_path / "state" / "runs").iterdir()] == ["20261124-000000-dead00"]


@pytest.mark.parametrize("kind", [ServerSettingsUndo, LedgerSchemaUndo])
def test_what_stays_with_a_server_that_goes_on_is_healed_and_the_rest_is_left_to_clean(
    kind: type[ServerSettingsUndo | LedgerSchemaUndo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undone: list[object] = []
    monkeypatch.setattr(kind, "undo", lambda _, data: undone.append(data))
    a_dead_run(tmp_path, kind.__module__.rpartition(".")[2], "llm_stub")
    found = heal()
    assert (found.problems, len(found.undone), undone) == ([], 1, [{}])
    assert len(clean().undone) == 1
    assert undone == [{}]


def test_settings_that_cannot_be_put_back_are_told_once(tmp_path: Path) -> None:
    """A record without its stack file."""
    a_dead_run(tmp_path, "server_settings")
    assert len(heal().problems) == 1
    assert ["server_settings" in one for one in clean().problems] == [True]
