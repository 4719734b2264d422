"""Annotations of a GitHub workflow."""

from __future__ import annotations

import json
from pathlib import Path

from tests.golden import runs

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.github import MOST, workflow_commands


def test_blockers_are_errors_the_most_severe_first_and_unknowns_are_warnings(tmp_path: Path) -> None:
    lines = workflow_commands(json.loads(judgement_bytes(judge(runs.write_no_go(tmp_path / "run")))))
    starts = [line.split(",", 1)[0] for line in lines]
    assert starts == [
        f"::error file={runs.RLS}.yaml",
        f"::error file={runs.DRILL}.yaml",
        f"::error file={runs.STEADY}.yaml",
        f"::warning file={runs.READY}.yaml",
    ]


def test_a_fault_that_is_not_healed_comes_first(tmp_path: Path) -> None:
    lines = workflow_commands(json.loads(judgement_bytes(judge(runs.write_broken(tmp_path / "run")))))
    assert lines[0] == "::error title=gonogo::chaos/failover: primary_killed: the old primary does not start: disk full"


def test_never_more_than_are_shown(tmp_path: Path) -> None:
    record = json.loads(judgement_bytes(judge(runs.write_hold(tmp_path / "run"))))
    record["harness_errors"] = [f"error {number}" for number in range(2 * MOST)]
    lines = workflow_commands(record)
    assert sum(line.startswith("::error ") for line in lines) == MOST
    assert sum(line.startswith("::warning ") for line in lines) == MOST


def test_no_text_can_start_a_command_of_its_own(tmp_path: Path) -> None:
    record = json.loads(judgement_bytes(judge(runs.write_no_go(tmp_path / "run"))))
    record["findings"][2]["reason"] = "bad\n::set-output name=x::y\r\n100%"
    line = workflow_commands(record)[0]
    assert line.endswith("::bad ::set-output name=x::y 100%25")
    assert "\n" not in line
