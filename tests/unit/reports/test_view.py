"""What all reports say in the same words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.golden import runs

from gonogo.core.finding import ExpectationResult, Finding, Source
from gonogo.core.observation import Observation
from gonogo.core.outcome import Area, Kind, Outcome, Severity
from gonogo.judge.judgement import Judgement
from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports import FORMATS, view


@pytest.fixture(scope="module")
def judgement(tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    return judge(runs.write_go(tmp_path_factory.mktemp("run") / "go"))


def finding(identifier: str, value: float, outcome: Outcome | None, matcher: str = "at_most") -> Finding:
    results = () if outcome is None else (_result(matcher, outcome),)
    return Finding(
        id=identifier,
        kind=Kind.DRILL,
        title="a drill",
        area=Area.BACKUP,
        severity=Severity.HIGH,
        gating=True,
        outcome=outcome or Outcome.PASS,
        source=Source(file="x.yaml", line=1),
        observations=(Observation(name="rto", value=value, unit="s"),),
        expectations=results,
    )


def _result(matcher: str, outcome: Outcome) -> ExpectationResult:
    return ExpectationResult(observation="rto", matcher=matcher, expected=matcher, actual="", outcome=outcome)


@pytest.mark.parametrize(
    ("good", "worse"),
    [
        (finding("a", 1, Outcome.PASS), finding("b", 2, Outcome.PASS)),
        (finding("a", 9, Outcome.PASS), finding("b", 2, Outcome.FAIL)),
        (finding("a", 9, Outcome.PASS), finding("b", 2, Outcome.UNKNOWN)),
        (finding("a", 9, None), finding("b", 2, Outcome.PASS)),
        (finding("a", 2, Outcome.PASS, "at_least"), finding("b", 1, Outcome.PASS, "at_least")),
    ],
)
def test_the_key_figure_is_the_worst_and_one_with_a_limit_before_one_without(
    good: Finding, worse: Finding, judgement: Judgement
) -> None:
    for findings in ((good, worse), (worse, good)):
        (figure,) = view.key_figures(dataclasses.replace(judgement, findings=findings))
        assert figure.finding is worse


def test_checks_give_no_key_figures(judgement: Judgement) -> None:
    check = dataclasses.replace(finding("a", 1, Outcome.FAIL), kind=Kind.CHECK)
    assert view.key_figures(dataclasses.replace(judgement, findings=(check,))) == []


def test_a_lower_bound_says_that_it_is_one() -> None:
    assert view.value_text(Observation(name="rto", value=90, unit="s", lower_bound=True)) == "at least 1 min 30 s"


def test_the_judging_instant_is_told_when_it_lies_outside_the_run(judgement: Judgement) -> None:
    assert "Judged as of" not in dict(view.scope(judgement))
    later = dataclasses.replace(judgement, judged_as_of="2027-01-31T00:00:00+00:00")
    assert dict(view.scope(later))["Judged as of"] == "2027-01-31 00:00:00 UTC"


def test_a_run_that_was_killed_at_once_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text("")
    nothing = judge(tmp_path)
    assert dict(view.scope(nothing))["Took"] == "unknown"
    assert view.data_size(nothing) == "unknown"


@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format_shows_a_run_that_was_killed_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text("")
    text = FORMATS.load(name).render(json.loads(judgement_bytes(judge(tmp_path))))
    assert "the run ended before a plan was made" in text


def test_what_could_not_be_found_out_of_the_stack_stands_in_every_report(tmp_path: Path) -> None:
    path = runs.write_go(tmp_path / "go")
    facts = json.loads((path / "facts.json").read_text())
    problem = "table passages of the stack file does not exist"
    (path / "facts.json").write_text(json.dumps({**facts, "problems": [problem], "left_out": ["cache"]}))
    judged = judge(path)

    assert (judged.stack.problems, judged.stack.left_out) == ((problem,), ("cache",))
    assert view.gaps(judged) == [("Without", "cache"), ("Not found out", problem)]
    for name in ("html", "junit", "markdown"):
        assert problem in FORMATS.load(name).render(json.loads(judgement_bytes(judged))), name


def test_a_stack_without_gaps_says_nothing_of_them(judgement: Judgement) -> None:
    assert view.gaps(judgement) == []
