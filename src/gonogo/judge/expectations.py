"""One expectation against the observations of its name. Nothing observed, too few samples, straddling: UNKNOWN.

What does not apply to this stack is SKIPPED: it counts for nothing beside what was measured, and is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from gonogo.core.finding import Expectation, ExpectationResult
from gonogo.core.observation import Observation
from gonogo.core.outcome import Outcome
from gonogo.core.quantity import format_value

CONTENTION_LIMIT = 0.25  # share of the host's processors used by others above which a slow answer proves nothing
DIMENSIONS = ("s", "B", "1/s")
ORDERED = ("at_most", "at_least", "between")
Ruling = tuple[Outcome, str]
PASSED: Ruling = (Outcome.PASS, "")
FAILED: Ruling = (Outcome.FAIL, "")
WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS, Outcome.SKIPPED)


def judge_expectation(
    expectation: Expectation, observations: Sequence[Observation], contention: float | None
) -> ExpectationResult:
    """Rule on one expectation; `contention` is the share of the processors that others used meanwhile."""
    relevant = [observation for observation in observations if observation.name == expectation.observation]
    if not relevant:
        return _result(expectation, (), [(Outcome.UNKNOWN, f"{expectation.observation} was not observed")])
    rulings = [_lenient_when_contended(_rule(expectation, one), one, contention) for one in relevant]
    return _result(expectation, relevant, rulings)


def _result(expectation: Expectation, observations: Sequence[Observation], rulings: list[Ruling]) -> ExpectationResult:
    outcomes = [outcome for outcome, _ in rulings]
    worst = next(outcome for outcome in WORST_FIRST if outcome in outcomes)
    shown = [one for one, outcome in zip(observations, outcomes, strict=False) if outcome is worst]
    told = {worst, Outcome.SKIPPED} if worst is Outcome.PASS else {worst}
    reasons = dict.fromkeys(reason for outcome, reason in rulings if outcome in told and reason)
    return ExpectationResult(
        observation=expectation.observation,
        matcher=expectation.matcher,
        expected=expected_text(expectation),
        actual="; ".join(_shown(observation) for observation in shown[:5]) or "nothing",
        outcome=worst,
        reason="; ".join(reasons),
        subjects=_subjects(shown) if worst in {Outcome.FAIL, Outcome.UNKNOWN} else (),
    )


def expected_text(expectation: Expectation) -> str:
    """What was expected, for people: `at most 300 ms`.

    >>> expected_text(Expectation(observation="p95", matcher="at_most", expected=0.3, unit="s", text="300ms"))
    'at most 300ms'
    """
    if expectation.matcher == "empty":
        return "empty" if expectation.expected else "not empty"
    limit = expectation.text or format_value(expectation.expected, expectation.unit)
    return f"{expectation.matcher.replace('_', ' ')} {limit}"


def _shown(observation: Observation) -> str:
    text = format_value(_first(observation.value), observation.unit)
    if observation.low is not None and observation.high is not None:
        low, high = (format_value(bound, observation.unit) for bound in (observation.low, observation.high))
        text += f" [{low} to {high}]"
    if observation.n is not None and not isinstance(observation.value, tuple):
        text += f" (n={observation.n})"
    return f"{observation.subject}: {text}" if observation.subject else text


def _first(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) > 5:
        return (*value[:5], f"and {len(value) - 5} more")
    return value


def _subjects(observations: Sequence[Observation]) -> tuple[str, ...]:
    named: list[str] = []
    for observation in observations:
        if observation.subject:
            named.append(observation.subject)
        elif isinstance(observation.value, tuple):
            named.extend(observation.value)
    return tuple(named)


def _lenient_when_contended(ruling: Ruling, observation: Observation, contention: float | None) -> Ruling:
    """A slow result on a host that others kept busy proves nothing, however slow: queues do not grow in proportion."""
    if ruling[0] is Outcome.FAIL and observation.load_sensitive and (contention or 0) > CONTENTION_LIMIT:
        share = format_value(contention, "1")
        return (
            Outcome.UNKNOWN,
            f"others kept {share} of the host's processors busy meanwhile, so a slow result proves nothing",
        )
    return ruling


def _rule(expectation: Expectation, observation: Observation) -> Ruling:
    value = observation.value
    subject = f" to {observation.subject}" if observation.subject else ""
    if observation.not_applicable and value is None:
        return Outcome.SKIPPED, f"not applicable{subject}: {observation.detail}"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Outcome.UNKNOWN, observation.detail or f"{observation.name} has no value"
    if observation.n is None and expectation.min_n > 1:
        return Outcome.UNKNOWN, f"nobody counted the samples, at least {expectation.min_n} are needed"
    if observation.n is not None and observation.n < expectation.min_n:
        return Outcome.UNKNOWN, f"only {observation.n} samples, at least {expectation.min_n} are needed"
    if expectation.unit and observation.unit not in {"", expectation.unit}:
        return Outcome.UNKNOWN, f"observed in {observation.unit!r}, expected in {expectation.unit!r}"
    if _bare_limit(expectation, observation):
        return (
            Outcome.UNKNOWN,
            f"observed in {observation.unit!r}, and the limit {expected_text(expectation)} has no unit",
        )
    ruling = MATCHERS[expectation.matcher](expectation.expected, observation)
    if observation.lower_bound and ruling[0] is Outcome.PASS and expectation.matcher != "at_least":
        return Outcome.UNKNOWN, f"{observation.name} is a lower bound and proves no upper limit: {observation.detail}"
    return ruling


def _bare_limit(expectation: Expectation, observation: Observation) -> bool:
    """Whether a limit on what has a dimension is written without one: 300 may mean milliseconds, 0 is 0 of anything."""
    if expectation.unit or observation.unit not in DIMENSIONS or expectation.matcher not in ORDERED:
        return False
    expected = expectation.expected if isinstance(expectation.expected, tuple) else (expectation.expected,)
    return any(limit != 0 for limit in expected)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _bounds(observation: Observation) -> tuple[float, float] | None:
    value = _number(observation.value)
    if value is None:
        return None
    low = value if observation.low is None else min(value, observation.low)
    high = value if observation.high is None else max(value, observation.high)
    return low, high


def _within(observation: Observation, lowest: float, highest: float) -> Ruling:
    bounds = _bounds(observation)
    if bounds is None:
        return Outcome.UNKNOWN, f"{format_value(observation.value)} is not a number"
    low, high = bounds
    if lowest <= low and high <= highest:
        return PASSED
    if high < lowest or low > highest:
        return FAILED
    return Outcome.UNKNOWN, "the interval of the measurement straddles the limit"


def _at_most(expected: Any, observation: Observation) -> Ruling:
    return _within(observation, -math.inf, float(expected))


def _at_least(expected: Any, observation: Observation) -> Ruling:
    return _within(observation, float(expected), math.inf)


def _between(expected: Any, observation: Observation) -> Ruling:
    return _within(observation, float(expected[0]), float(expected[1]))


def _same(expected: Any, value: Any) -> bool:
    return isinstance(expected, bool) == isinstance(value, bool) and bool(expected == value)


def _equals(expected: Any, observation: Observation) -> Ruling:
    return PASSED if _same(expected, observation.value) else FAILED


def _one_of(expected: Any, observation: Observation) -> Ruling:
    return PASSED if any(_same(entry, observation.value) for entry in expected) else FAILED


def _matches(expected: Any, observation: Observation) -> Ruling:
    if not isinstance(observation.value, str):
        return Outcome.UNKNOWN, f"{format_value(observation.value)} is not text"
    return PASSED if re.search(str(expected), observation.value[:10_000]) else FAILED


def _empty(expected: Any, observation: Observation) -> Ruling:
    if not isinstance(observation.value, (str, tuple)):
        return Outcome.UNKNOWN, f"{format_value(observation.value)} is neither a list nor text"
    return PASSED if (len(observation.value) == 0) is bool(expected) else FAILED


def _contains(expected: Any, observation: Observation) -> Ruling:
    if not isinstance(observation.value, (str, tuple)):
        return Outcome.UNKNOWN, f"{format_value(observation.value)} is neither a list nor text"
    return PASSED if str(expected) in observation.value else FAILED


MATCHERS = {
    "at_most": _at_most,
    "at_least": _at_least,
    "between": _between,
    "equals": _equals,
    "one_of": _one_of,
    "matches": _matches,
    "empty": _empty,
    "contains": _contains,
}
