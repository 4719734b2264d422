"""A stack's objectives and a policy's limits: units that must be written, limits that must tighten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gonogo.core.errors import Problem, SpecError, UsageError
from gonogo.core.quantity import parse_quantity, same_unit
from gonogo.core.suggestion import did_you_mean
from gonogo.judge.limits import STRICTER
from gonogo.spec.content import Verification
from gonogo.spec.expectation import OBJECTIVE
from gonogo.spec.loader import Loaded
from gonogo.spec.stack import StackSpec
from gonogo.spec.suite import PolicySpec

TIMES = re.compile(r"^(rto|rpo)$|_p\d+$")  # names of objectives that can only be durations
SHARES = re.compile(r"_rate$")  # and of those that are shares of requests


def check_objectives(stack: Loaded[StackSpec]) -> None:
    """Raises SpecError for what is not what it says: 300 that means milliseconds, and 1 that means a hundredth."""
    problems = [
        stack.document.problem(("objectives", name), f"objectives.{name}: {wrong}")
        for name, written in stack.spec.objectives.items()
        if (wrong := _bare(name, written))
    ]
    if problems:
        raise SpecError(problems)


def check_limits(policies: Sequence[Loaded[PolicySpec]], verifications: Mapping[str, Verification]) -> None:
    """Limits that nothing reads, that are in no unit, or that point the other way limit nothing. Raises SpecError."""
    read = {name for one in verifications.values() for name in OBJECTIVE.findall(str(one.loaded.document.data))}
    matchers = _matchers(verifications)
    problems = [one for policy in policies for one in _wrong_limits(policy, read, matchers)]
    if problems:
        raise SpecError(problems)


def _wrong_limits(policy: Loaded[PolicySpec], read: set[str], matchers: Mapping[str, set[str]]) -> Iterator[Problem]:
    for name, limit in policy.spec.limits.items():
        wrong = (
            _unread(name, read)
            or _loosens(limit.matcher, matchers.get(name, set()))
            or _bare(name, getattr(limit, limit.matcher))
        )
        if wrong:
            yield policy.document.problem(("limits", name), f"policy {policy.spec.policy}: limits.{name}: {wrong}")


def _unread(name: str, read: set[str]) -> str:
    if name in read:
        return ""
    hint = did_you_mean(name, read)
    return f"no verification reads the limit {name!r}{hint} (read: {', '.join(sorted(read))})"


def _loosens(matcher: str, expected: set[str]) -> str:
    """Limit and objective are compared by the matcher of the limit, so it must be the one that they are read by."""
    if matcher not in STRICTER:
        return f"{matcher} tightens nothing; allowed: {', '.join(STRICTER)}"
    if expected - {matcher}:
        return f"{matcher} would loosen what verifications expect; allowed: {', '.join(sorted(expected))}"
    return ""


def _matchers(verifications: Mapping[str, Verification]) -> dict[str, set[str]]:
    """By which matchers the expectations read each objective."""
    found: dict[str, set[str]] = {}
    for verification in verifications.values():
        for expectation in verification.spec.expectations().values():
            for name in OBJECTIVE.findall(str(getattr(expectation, expectation.matcher))):
                found.setdefault(name, set()).add(expectation.matcher)
    return found


def _bare(name: str, written: object) -> str:
    """Why an objective does not say what it means; zero is the same in every unit."""
    if not (TIMES.search(name) or SHARES.search(name)):
        return ""
    try:
        quantity = parse_quantity(written)  # type: ignore[arg-type]  # what is no quantity is refused there
    except ValueError as error:
        return str(error)
    if quantity.value == 0 and not quantity.unit:
        return ""
    if TIMES.search(name):
        return "" if quantity.unit == "s" else f"{written} is no duration; it needs a unit of time, for example 300ms"
    all_of_them = quantity.unit in {"", "1"} and quantity.value >= 1
    return "" if not all_of_them else f"{written} is every request or more; a share is written as 1% or 0.01"


def stricter(name: str, objective: str | float, limit: Any) -> str | int | float:
    """The stricter of a stack's objective and a policy's limit, which `check_limits` has seen.

    Raises UsageError where they cannot be compared.
    """
    if limit is None:
        return objective
    written = getattr(limit, limit.matcher)
    try:
        mine, theirs = parse_quantity(objective), parse_quantity(written)
    except ValueError as error:
        raise UsageError(f"objective {name} of the stack and limits.{name} of the policy: {error}") from None
    if not same_unit(mine, theirs):
        raise UsageError(f"limits.{name} of the policy, {written}, is in another unit than the objective, {objective}")
    return objective if STRICTER[limit.matcher](mine.value, theirs.value) == mine.value else written
