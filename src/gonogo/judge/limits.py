"""Limits of another policy, on what was measured under the run's own."""

from __future__ import annotations

from dataclasses import replace

from gonogo.core.errors import UsageError
from gonogo.core.finding import Expectation
from gonogo.core.plan import ResolvedPolicy
from gonogo.core.quantity import Quantity, parse_quantity, same_unit

STRICTER = {"at_most": min, "at_least": max}


def relimited(expectation: Expectation, policy: ResolvedPolicy) -> Expectation:
    """The expectation with the stricter of the stack's own promise and the policy's limit.

    As it was where it is no objective, or where neither says anything of it. Raises UsageError for limits that cannot
    be compared with the promise.
    """
    matcher, limit = policy.limits.get(expectation.objective, (expectation.matcher, ""))
    written = [text for text in (expectation.claimed, limit) if text]
    if not expectation.objective or not written:
        return expectation
    name = expectation.objective
    if matcher not in STRICTER or matcher != expectation.matcher:
        raise UsageError(f"limits.{name} of policy {policy.name}: {matcher} does not tighten {expectation.matcher}")
    try:
        quantities = [parse_quantity(text) for text in written]
    except ValueError as error:
        raise UsageError(f"objective {name} and limits.{name} of policy {policy.name}: {error}") from None
    if not same_unit(*quantities, Quantity(expectation.expected, expectation.unit)):  # type: ignore[arg-type]  # ordered
        raise UsageError(f"limits.{name} of policy {policy.name} is in another unit than what it limits")
    strictest = STRICTER[matcher](one.value for one in quantities)
    text, unit = next((text, one.unit) for text, one in zip(written, quantities, strict=True) if one.value == strictest)
    return replace(expectation, expected=strictest, unit=expectation.unit or unit, text=text)
