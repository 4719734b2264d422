"""What must have passed lately: in this run, or in an earlier one whose outcome the run recorded when it began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gonogo.core.finding import Finding
from gonogo.core.outcome import Outcome
from gonogo.core.plan import CLOCKS_DIFFER_S, JudgingContext, Past, ResolvedPolicy
from gonogo.core.quantity import format_seconds
from gonogo.judge.judgement import NotProven


def overdue(
    findings: Sequence[Finding], policy: ResolvedPolicy, context: JudgingContext, instant: datetime
) -> tuple[NotProven, ...]:
    """What the policy wants to have passed lately and has not, each with the reason."""
    here = {one.id: one for one in findings if one.outcome is not Outcome.SKIPPED}
    rows = []
    for identifier, longest_s in policy.require_recent.items():
        found = here.get(identifier)
        if found is not None:
            reason = "" if found.outcome is Outcome.PASS else f"{found.outcome} in this run: {found.reason}"
        else:
            reason = _reason(context.past.get(identifier), context, instant, longest_s)
        if reason:
            rows.append(NotProven(id=identifier, reason=f"must pass every {format_seconds(longest_s)}: {reason}"))
    return tuple(rows)


def recent_until(findings: Sequence[Finding], policy: ResolvedPolicy, context: JudgingContext) -> list[datetime]:
    """When what passed in earlier runs will be too long ago."""
    here = {one.id for one in findings if one.outcome is Outcome.PASS}
    return [
        datetime.fromisoformat(past.at) + timedelta(seconds=longest_s)
        for identifier, longest_s in policy.require_recent.items()
        if identifier not in here and (past := context.past.get(identifier)) is not None
    ]


def _reason(past: Past | None, context: JudgingContext, instant: datetime, longest_s: float) -> str:
    """Why an earlier run does not count; "" when it does."""
    if past is None:
        return context.history or "nobody looked for it when this run began"
    if past.runtime != context.runtime and not past.beside:
        return f"it last ran on {past.runtime} (run {past.run_id}), never on {context.runtime}"
    if past.outcome != Outcome.PASS.value:
        return f"it was {past.outcome} when it last ran, at {past.at} (run {past.run_id}): {past.reason}"
    if past.beyond:
        return f"it passed at {past.at} (run {past.run_id}) by other limits than today's: {past.beyond}"
    age_s = (instant - datetime.fromisoformat(past.at)).total_seconds()
    if age_s < -CLOCKS_DIFFER_S:
        return f"its last run ended at {past.at}, which lies ahead (run {past.run_id})"
    if age_s > longest_s:
        return f"it last passed {format_seconds(age_s)} ago, at {past.at} (run {past.run_id})"
    return ""
