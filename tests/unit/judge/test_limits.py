"""`gonogo judge --policy`: what was measured, against the limits of another policy."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.golden import runs
from tests.golden.synthetic import policy

from gonogo.core.errors import UsageError
from gonogo.core.finding import Expectation
from gonogo.core.observation import Observation
from gonogo.core.outcome import Outcome
from gonogo.core.plan import ResolvedPolicy
from gonogo.engine.inputs import RunOptions, load_policy, read_inputs, resolve_policy
from gonogo.engine.run import plan_offline
from gonogo.judge.expectations import judge_expectation
from gonogo.judge.limits import relimited
from gonogo.judge.run import judge

RTO = Expectation(
    observation="rto", matcher="at_most", expected=300.0, unit="s", text="5min", objective="rto", claimed="5min"
)


def limited(**limits: tuple[str, str]) -> ResolvedPolicy:
    """A policy with limits."""
    return replace(policy(), limits=limits)


@pytest.mark.parametrize(
    ("claimed", "limit", "expected", "text"),
    [
        ("5min", "1min", 60.0, "1min"),
        ("5min", "1h", 300.0, "5min"),  # the stack's own promise holds, whatever the policy allows
        ("", "1h", 3600.0, "1h"),
        ("20min", "", 1200.0, "20min"),
        ("", "", 300.0, "5min"),  # neither says anything of it: as it was
    ],
)
def test_the_stricter_of_promise_and_limit_counts(claimed: str, limit: str, expected: float, text: str) -> None:
    used = limited(rto=("at_most", limit)) if limit else limited()
    found = relimited(replace(RTO, claimed=claimed), used)
    assert (found.expected, found.text) == (expected, text)


def test_what_is_no_objective_stays_as_it_was() -> None:
    plain = replace(RTO, objective="")
    assert relimited(plain, limited(rto=("at_most", "1s"))) is plain


@pytest.mark.parametrize(
    "limit",
    [("at_most", "10%"), ("equals", "1min"), ("at_most", "soon"), ("at_most", "60"), ("at_least", "24h")],
)
def test_a_limit_that_cannot_be_compared_is_an_error(limit: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="rto"):
        relimited(RTO, limited(rto=limit))


@pytest.mark.parametrize(("unit", "value"), [("s", 42.0), ("B", 42.0), ("1/s", 42.0)])
def test_a_limit_without_a_unit_proves_nothing_of_what_has_one(unit: str, value: float) -> None:
    expectation = Expectation(observation="p95", matcher="at_most", expected=300, text="300")
    result = judge_expectation(expectation, [Observation(name="p95", value=value, unit=unit)], None)
    assert (result.outcome, result.reason) == (
        Outcome.UNKNOWN,
        f"observed in {unit!r}, and the limit at most 300 has no unit",
    )


@pytest.mark.parametrize(("unit", "limit"), [("s", 0), ("count", 300), ("1", 1), ("", 300)])
def test_zero_and_what_has_no_dimension_need_no_unit(unit: str, limit: float) -> None:
    expectation = Expectation(observation="lost", matcher="at_most", expected=limit)
    assert judge_expectation(expectation, [Observation(name="lost", value=0, unit=unit)], None).outcome is Outcome.PASS


def test_a_run_is_judged_by_the_limits_of_the_other_policy(tmp_path: Path) -> None:
    path = runs.write_go(tmp_path / "go")
    plan = json.loads((path / "plan.json").read_text())
    named = [one for item in plan["items"] for one in item["expectations"] if one["observation"] == "rto"]
    for one in named:
        one |= {"objective": "rto", "claimed": one["text"]}
    (path / "plan.json").write_text(json.dumps(plan))
    assert named

    same, stricter = (judge(path, policy=limited(rto=("at_most", text))) for text in ("1h", "1ms"))
    assert {one.outcome for one in same.findings if one.kind == "drill"} == {Outcome.PASS}
    assert {one.outcome for one in stricter.findings if one.kind == "drill"} == {Outcome.FAIL}


def test_the_plan_says_which_limits_are_objectives_and_the_policy_keeps_its_own() -> None:
    inputs = read_inputs(RunOptions(stack="reference"))
    expectations = [one for item in plan_offline(inputs).items for one in item.expectations if one.objective]
    assert {one.claimed for one in expectations if one.objective == "rto"} == {"5min"}
    for one in expectations:  # judged by the policy of the run itself, nothing changes
        assert relimited(one, resolve_policy(inputs.policy)).expected == one.expected
    resolved = resolve_policy(load_policy("production"))
    assert ResolvedPolicy.from_json(json.loads(json.dumps(asdict(resolved)))) == resolved
