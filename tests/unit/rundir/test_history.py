"""The history keeps what was judged, once, and never breaks what it is asked beside."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.golden.runs import RUNS

from gonogo.core.errors import UsageError
from gonogo.judge.run import judge, judgement_bytes
from gonogo.rundir.history import VERIFY_BACKUP, History


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """run.json of a judged run with a failing verification."""
    judged: dict[str, Any] = json.loads(judgement_bytes(judge(RUNS["no_go"](tmp_path_factory.mktemp("run") / "run"))))
    return judged


def later(record: dict[str, Any], day: int, **stack: str) -> dict[str, Any]:
    return {
        **record, "run_id": f"run-{day}-{stack}", "finished_at": f"2026-11-{day:02}T10:00:00+00:00",
        "stack": {**record["stack"], **stack},
    }  # fmt: skip


def measured(record: dict[str, Any]) -> tuple[str, str, float]:
    """(id, observation, value) of some number in the run."""
    for finding in record["findings"]:
        for one in finding["observations"]:
            if isinstance(one["value"], float):
                return finding["id"], one["name"], one["value"]
    raise AssertionError("the golden run measures no number")


def test_a_run_is_kept_once_with_its_outcomes_and_numbers(tmp_path: Path, record: dict[str, Any]) -> None:
    history = History(tmp_path / "new" / "history.sqlite")
    assert history.append(record) is True
    assert history.append(record) is False
    (run,) = history.runs(last=9)
    assert (run["run_id"], run["verdict"], run["headline"]) == (record["run_id"], "NO-GO", record["headline"])
    identifier, name, value = measured(record)
    (entry,) = history.entries(identifier, last=9)
    assert value in [one.value for one in entry.measures if one.name == name]
    ran = {one["id"] for one in record["findings"]}
    assert set(history.items()) == ran


def test_what_was_not_run_is_no_entry(tmp_path: Path, record: dict[str, Any]) -> None:
    skipped = {**record, "findings": [{**one, "outcome": "SKIPPED"} for one in record["findings"]]}
    history = History(tmp_path / "history.sqlite")
    history.append(skipped)
    assert all(not history.entries(one, last=9) for one in history.items())


def test_the_newest_run_on_this_runtime_counts_and_elsewhere_only_where_there_is_none(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    history = History(tmp_path / "history.sqlite")
    name, identifier = record["stack"]["name"], measured(record)[0]
    for day, runtime in ((1, "docker"), (2, "docker"), (3, "embedded")):
        history.append(later(record, day, runtime=runtime))
    newest = history.newest(identifier, stack=name, runtime="docker")
    assert newest is not None
    assert (newest.past.at, newest.past.runtime) == ("2026-11-02T10:00:00+00:00", "docker")
    elsewhere = history.newest(identifier, stack=name, runtime="external")
    assert elsewhere is not None
    assert elsewhere.past.runtime == "embedded"
    assert history.newest(identifier, stack="another", runtime="docker") is None


def test_a_clock_that_was_wrong_hides_no_other_run(tmp_path: Path, record: dict[str, Any]) -> None:
    history = History(tmp_path / "history.sqlite")
    name, identifier = record["stack"]["name"], measured(record)[0]
    history.append(later(record, 1))
    history.append({**later(record, 2), "finished_at": "2099-01-01T00:00:00+00:00"})
    newest = history.newest(identifier, stack=name, runtime=record["stack"]["runtime"])
    assert newest is not None
    assert newest.past.at == "2026-11-01T10:00:00+00:00"


def test_a_verified_backup_ran_beside_the_stack(tmp_path: Path, record: dict[str, Any]) -> None:
    history = History(tmp_path / "history.sqlite")
    history.append(later(record, 1))
    name, identifier = record["stack"]["name"], measured(record)[0]
    drilled = history.newest(identifier, stack=name, runtime="external")
    history.append({**later(record, 9), "command": VERIFY_BACKUP})
    verified = history.newest(identifier, stack=name, runtime="external")
    assert drilled is not None
    assert verified is not None
    assert (drilled.past.beside, verified.past.beside) == (False, True)


def test_lines_go_out_and_come_in_and_nothing_is_doubled(tmp_path: Path, record: dict[str, Any]) -> None:
    here, there = History(tmp_path / "here.sqlite"), History(tmp_path / "there.sqlite")
    for day in (1, 2):
        here.append(later(record, day))
    lines = list(here.exported())
    assert there.merge(lines, source="x") == 2
    assert there.merge([*lines, "", "  "], source="x") == 0
    assert list(there.exported()) == lines
    identifier = measured(record)[0]
    assert there.entries(identifier, last=9) == here.entries(identifier, last=9)


def test_a_wrong_line_is_named_and_nothing_of_its_file_is_kept(tmp_path: Path, record: dict[str, Any]) -> None:
    here, there = History(tmp_path / "here.sqlite"), History(tmp_path / "there.sqlite")
    here.append(record)
    for broken in ("not JSON", '{"run": {}}', '{"run": {"run_id": "a"}, "items": [], "measures": []}', "[1]"):
        with pytest.raises(UsageError, match=r"lines\.jsonl:2: is no line of `gonogo history --export`"):
            there.merge([*here.exported(), broken], source="lines.jsonl")
        assert there.runs(last=9) == []


def test_reading_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    history = History(tmp_path / "absent" / "history.sqlite")
    assert (history.runs(last=9), history.items(), history.newest("a", stack="s", runtime="docker")) == ([], [], None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_or_a_later_format_is_refused_and_left_alone(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("x" * 5000)
    with pytest.raises(UsageError, match="is no history of gonogo"):
        History(other).append(record)
    assert other.read_text() == "x" * 5000
    newer = History(tmp_path / "newer.sqlite")
    with sqlite3.connect(newer.path) as database:
        database.execute("pragma user_version = 99")
    database.close()
    with pytest.raises(UsageError, match="written by a newer gonogo"):
        newer.append(record)


def test_a_folder_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        History(tmp_path / "file" / "history.sqlite").append(record)


def test_many_runs_that_end_at_once_are_all_kept(tmp_path: Path, record: dict[str, Any]) -> None:
    history = History(tmp_path / "history.sqlite")
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda day: history.append(later(record, day)), range(1, 17)))
    assert added == [True] * 16
    assert len(replace(history).runs(last=99)) == 16
