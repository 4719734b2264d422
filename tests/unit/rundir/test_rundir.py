"""The run directory and the state folder: nothing is lost, nothing secret written, the living are left alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.core.errors import UsageError
from gonogo.core.event import ItemProgressed, ItemStarted, PlanMade, RunStarted
from gonogo.core.outcome import Severity
from gonogo.rundir.directory import RunDirectory, read_events
from gonogo.rundir.state import RunIdentity, RunState, boot_id, dead_runs, held_runs, open_records


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_STATE", str(tmp_path / "state"))


def identity(run_id: str, tmp_path: Path) -> RunIdentity:
    return RunIdentity(
        run_id=run_id,
        run_directory=str(tmp_path / run_id),
        scratch=str(tmp_path / "scratch"),
        pid=os.getpid(),
        boot_id=boot_id(),
    )


def test_a_run_directory_is_private_and_takes_one_run(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", run_id="r")
    directory.append(RunStarted(info={}))
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory.path / "events.ndjson").stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already holds a run"):
        RunDirectory(tmp_path / "run", run_id="s")


def test_secrets_reach_neither_events_nor_artefacts(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", run_id="r")
    directory.redactor.register("hunter22")
    directory.append(ItemProgressed(id="a", message="key hunter22, postgresql://app:pw12@host/db"))
    directory.artifact("a/log.txt", "key hunter22")
    directory.write("facts.json", {"dsn": "host=x password=abcd"})
    text = "".join(path.read_text() for path in directory.path.rglob("*") if path.is_file())
    assert "hunter22" not in text
    assert "pw12" not in text
    assert "abcd" not in text


def test_masking_leaves_every_document_readable(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", run_id="r")
    for secret in ('quo"ted\\', "1000", "true", "critical"):
        directory.redactor.register(secret)
    directory.append(ItemProgressed(id="a", message='the key quo"ted\\ and password=abcd'))
    directory.append(PlanMade(items=1000, to_run=1000, predicted_s=1000.5))
    directory.write("plan.json", {"severity": Severity.CRITICAL, "gating": True, "rows": 1000, "dsn": "password=abcd"})
    told, made = (one.event for one in read_events(directory.path))
    assert told == ItemProgressed(id="a", message="the key **** and password=****")
    assert made == PlanMade(items=1000, to_run=1000, predicted_s=1000.5)
    plan = json.loads((directory.path / "plan.json").read_text())
    assert plan == {"severity": "critical", "gating": True, "rows": 1000, "dsn": "password=****"}


def test_an_artefact_cannot_leave_the_run_directory(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", run_id="r")
    with pytest.raises(ValueError, match="leaves the run directory"):
        directory.artifact("../../outside", "x")


def test_a_last_line_cut_by_a_kill_is_left_out_and_other_broken_lines_are_not(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", run_id="r")
    for name in ("a", "b"):
        directory.append(ItemStarted(id=name))
    events = directory.path / "events.ndjson"
    whole = events.read_bytes()
    events.write_bytes(whole[:-9])
    assert [logged.event for logged in read_events(directory.path)] == [ItemStarted(id="a")]
    events.write_bytes(b"{broken\n" + whole)
    with pytest.raises(UsageError, match=r"events\.ndjson:1: broken event"):
        list(read_events(directory.path))


def test_undo_records_are_open_until_undone_newest_first(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    state = RunState(identity("r", tmp_path))
    first, second = state.intend("process", {"n": 1}), state.intend("process", {"n": 2})
    assert [record.id for record in state.open_records()] == [second, first]
    state.undone(second)
    assert [record.data for record in open_records(tmp_path / "r" / "undo.ndjson")] == [{"n": 1}]
    state.close(forget=True)
    assert not state.path.exists()


def test_a_living_run_is_never_among_the_dead(tmp_path: Path) -> None:
    state = RunState(identity("alive", tmp_path))
    program = (
        "from gonogo.rundir.state import dead_runs; dead, living = dead_runs();"
        "print([one.identity.run_id for one in dead], living)"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[] ['alive']"
    state.hold(["app: http://127.0.0.1:1"])
    program = "from gonogo.rundir.state import held_runs; print(held_runs()[0].run_id)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "alive\n"
    )
    state.close(forget=False)
    dead, living = dead_runs()
    assert ([one.identity.run_id for one in dead], living) == (["alive"], [])
    for one in dead:
        one.release()
    assert held_runs() == []


def test_a_run_that_died_before_it_wrote_who_it_is_can_still_be_found(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "runs" / "20260101-000000-abcdef"
    folder.mkdir(parents=True)
    (folder / "undo.ndjson").write_text(
        json.dumps({"id": "u1", "kind": "scratch", "data": {"path": "x"}}) + '\n{"id": "u2"'
    )
    (dead,), _ = dead_runs()
    assert dead.identity.run_id == "20260101-000000-abcdef"
    assert [record.id for record in dead.open_records()] == ["u1"]
    dead.release()
