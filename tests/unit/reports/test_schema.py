"""run.json against its schema, and the schema against the code that it is made from."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.golden.runs import RUNS

from gonogo.core.errors import UsageError
from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.reading import read_run
from gonogo.reports.schema import FILENAME, run_schema, run_schema_text
from gonogo.spec.content import shipped_content


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: json.loads(judgement_bytes(judge(write(folder / name)))) for name, write in RUNS.items()}


def test_the_committed_schema_is_the_one_the_code_gives() -> None:
    committed = (shipped_content() / "reports" / "schema" / FILENAME).read_text()
    assert run_schema_text() == committed, f"run: gonogo schema run > reports/schema/{FILENAME}"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(run_schema())


@pytest.mark.parametrize("name", RUNS)
def test_a_judged_run_fits_the_schema(name: str, records: dict[str, dict[str, Any]]) -> None:
    assert [error.message for error in Draft202012Validator(run_schema()).iter_errors(records[name])] == []


@pytest.mark.parametrize("name", RUNS)
def test_reading_a_judged_run_gives_it_back(name: str, records: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    path = RUNS[name](tmp_path / name)
    clean = judge(path)
    if name != "hold":  # its reason holds an escape sequence, which reading takes out
        assert read_run(records[name]) == clean
    assert read_run(records[name]).verdict is clean.verdict


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("verdict",), "MAYBE", "'MAYBE' is not one of ['GO', 'NO-GO', 'HOLD', 'PARTIAL']"),
        (("findings", 0, "outcome"), "FINE", "'FINE' is not one of ['PASS', 'FAIL', 'UNKNOWN', 'SKIPPED']"),
        (("coverage",), "all", "'all' is not of type 'number'"),
        (("schema_version",), 2, "1 was expected"),
    ],
)
def test_the_schema_refuses_what_is_wrong(
    path: tuple[str | int, ...], value: object, message: str, records: dict[str, dict[str, Any]]
) -> None:
    record: Any = copy.deepcopy(records["go"])
    place = record
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert message in [error.message for error in Draft202012Validator(run_schema()).iter_errors(record)]


@pytest.mark.parametrize("missing", ["verdict", "findings", "not_proven", "valid_until"])
def test_the_schema_wants_every_field(missing: str, records: dict[str, dict[str, Any]]) -> None:
    record = {key: value for key, value in records["go"].items() if key != missing}
    (error,) = Draft202012Validator(run_schema()).iter_errors(record)
    assert error.message == f"{missing!r} is a required property"


def test_another_schema_version_is_refused(records: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(UsageError, match="schema version 2"):
        read_run({**records["go"], "schema_version": 2})


def test_what_is_no_record_of_a_run_is_refused() -> None:
    with pytest.raises(UsageError, match="not the record of a judged run"):
        read_run({"schema_version": 1, "verdict": "GO"})


def test_fields_of_a_later_version_are_left_out(records: dict[str, dict[str, Any]]) -> None:
    assert read_run({**records["go"], "mood": "calm"}) == read_run(records["go"])
