"""junit.xml, read back by a parser that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase
from tests.golden import runs

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.formats.junit import render


def parsed(record: dict[str, Any]) -> dict[str, TestCase]:
    root = JUnitXml.fromstring(render(record).encode())
    return {str(case.name): case for suite in root for case in suite}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = runs.write_no_go(tmp_path_factory.mktemp("run") / "no_go")
    read: dict[str, Any] = json.loads(judgement_bytes(judge(path)))
    return read


def test_each_outcome_has_its_element(record: dict[str, Any]) -> None:
    cases = parsed(record)
    kinds = {name: [type(result) for result in case.result] for name, case in cases.items()}
    assert kinds[runs.RLS] == [Failure]
    assert kinds[runs.READY] == [Error]
    assert kinds[runs.CACHE] == [Skipped]
    assert kinds[runs.TLS] == [Skipped]
    assert kinds[runs.INDEX] == []
    assert len(cases) == len(record["findings"])


def test_a_waived_failure_says_until_when(record: dict[str, Any]) -> None:
    (result,) = parsed(record)[runs.TLS].result
    assert result.message.startswith("waived until 2026-12-15 (platform team): ")
    assert "rag_app from 10.0.3.7" in str(result.text)


def test_the_totals_count_what_is_there(record: dict[str, Any]) -> None:
    root = JUnitXml.fromstring(render(record).encode())
    stated = (root.tests, root.failures, root.errors, root.skipped)
    root.update_statistics()  # type: ignore[no-untyped-call]  # junitparser types most of itself
    assert stated == (13, 3, 1, 2) == (root.tests, root.failures, root.errors, root.skipped)


def test_a_case_names_its_area_and_its_file(record: dict[str, Any]) -> None:
    text = render(record)
    assert (
        f'<testcase classname="gonogo.isolation" name="{runs.RLS}" file="{runs.RLS}.yaml" line="3" time="0.400">'
        in text
    )


def test_control_characters_do_not_break_the_document(record: dict[str, Any]) -> None:
    dirty = json.loads(json.dumps(record))
    dirty["findings"][2]["reason"] = "\x1b[31mred\x1b[0m \x00\x0b\ufffe\ud800 ]]> <&> \u202eend"
    (result,) = parsed(dirty)[runs.RLS].result
    assert result.message == "red  ]]> <&> end"


def test_a_run_that_broke_is_never_green(tmp_path: Path) -> None:
    broken = json.loads(judgement_bytes(judge(runs.write_broken(tmp_path / "run"))))
    for finding in broken["findings"]:
        finding["outcome"] = "PASS"
    (result,) = parsed(broken)["the run itself"].result
    assert isinstance(result, Error)
    assert "the old primary does not start: disk full" in str(result.text)
