"""What earlier runs came to, for a policy that asks what has passed lately."""

from __future__ import annotations

from dataclasses import replace

from gonogo.core.errors import SpecError, UsageError
from gonogo.core.plan import Past, ResolvedPolicy
from gonogo.core.quantity import format_seconds
from gonogo.engine.inputs import Inputs
from gonogo.engine.plan import resolved_expectations
from gonogo.rundir.history import Entry, History


def past_runs(inputs: Inputs, policy: ResolvedPolicy, runtime: str) -> tuple[dict[str, Past | None], str]:
    """The last runs of what must have passed lately, and where they were looked for."""
    if not policy.require_recent:
        return {}, ""
    if inputs.options.history is None:
        return {}, "no history was kept"
    history = History(inputs.options.history)
    stack = inputs.stack.spec.stack
    try:
        entries = {one: history.newest(one, stack=stack, runtime=runtime) for one in policy.require_recent}
    except (OSError, UsageError) as error:
        return {}, f"the history cannot be read: {error}"
    found = {
        one: replace(entry.past, beyond=_beyond(inputs, entry)) if entry is not None else None
        for one, entry in entries.items()
    }
    return found, f"{history.path} holds no run of it on the stack {stack}"


def _beyond(inputs: Inputs, entry: Entry) -> str:
    """Times of an earlier run that are longer than this one allows; "" where there are none, or none is asked for."""
    verification = inputs.verifications.get(entry.id)
    if verification is None:
        return ""
    try:
        expectations = resolved_expectations(verification, inputs.objectives)
    except SpecError:  # of an item that does not run: nobody has to declare what it asks for
        return ""
    limits = {one.observation: one.expected for one in expectations if one.matcher == "at_most" and one.unit == "s"}
    return ", ".join(
        f"{one.label} was {format_seconds(one.value)}, more than {format_seconds(limit)}"
        for one in entry.measures
        if one.unit == "s" and isinstance(limit := limits.get(one.name), (int, float)) and one.value > limit
    )
