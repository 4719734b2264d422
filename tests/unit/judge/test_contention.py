"""A slow result on a host that others keep busy proves nothing."""

from __future__ import annotations

import pytest

from gonogo.core.finding import Expectation
from gonogo.core.observation import Observation
from gonogo.core.outcome import Outcome
from gonogo.judge.expectations import judge_expectation

LIMIT = Expectation(observation="rto", matcher="at_most", expected=1.0, unit="s")


@pytest.mark.parametrize(
    ("value", "contention", "outcome"),
    [
        (0.9, 0.9, Outcome.PASS),
        (2.0, 0.1, Outcome.FAIL),
        (2.0, 0.6, Outcome.UNKNOWN),
        (1000.0, 0.6, Outcome.UNKNOWN),  # a queue that is offered more than it can serve has no largest wait
    ],
)
def test_a_busy_host_excuses_what_it_may_have_caused(value: float, contention: float, outcome: Outcome) -> None:
    observation = Observation(name="rto", value=value, unit="s", load_sensitive=True)
    assert judge_expectation(LIMIT, [observation], contention).outcome is outcome


def test_what_does_not_depend_on_the_host_has_no_excuse() -> None:
    observation = Observation(name="rto", value=2.0, unit="s")
    assert judge_expectation(LIMIT, [observation], 0.9).outcome is Outcome.FAIL
