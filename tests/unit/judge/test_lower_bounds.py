"""What was measured on less than the real thing can fail an upper limit and never pass one."""

from __future__ import annotations

import pytest

from gonogo.core.finding import Expectation
from gonogo.core.observation import Observation
from gonogo.core.outcome import Outcome
from gonogo.judge.expectations import judge_expectation


def ruled(value: float, matcher: str, expected: float) -> Outcome:
    observation = Observation(name="rto", value=value, unit="s", lower_bound=True, detail="a tenth of production")
    expectation = Expectation(observation="rto", matcher=matcher, expected=expected, unit="s")
    return judge_expectation(expectation, [observation], None).outcome


@pytest.mark.parametrize(
    ("value", "matcher", "expected", "outcome"),
    [
        (1.0, "at_most", 10.0, Outcome.UNKNOWN),
        (11.0, "at_most", 10.0, Outcome.FAIL),
        (11.0, "at_least", 10.0, Outcome.PASS),
        (9.0, "at_least", 10.0, Outcome.FAIL),
    ],
)
def test_a_lower_bound_fails_limits_that_it_exceeds_and_passes_no_upper_one(
    value: float, matcher: str, expected: float, outcome: Outcome
) -> None:
    assert ruled(value, matcher, expected) is outcome


def test_a_lower_bound_survives_the_run_directory() -> None:
    observation = Observation(name="rto", value=1.0, lower_bound=True)
    assert Observation.from_json(observation.to_json()) == observation


def test_a_value_that_is_not_there_gives_its_own_reason() -> None:
    observation = Observation(name="rto", value=None, detail="the restore failed before it ended")
    expectation = Expectation(observation="rto", matcher="at_most", expected=1.0, unit="s")
    result = judge_expectation(expectation, [observation], None)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "the restore failed before it ended")
