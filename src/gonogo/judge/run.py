"""`judge(run directory)`: a pure function of what the directory holds; the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gonogo.core.event import HarnessFailed, ItemFinished, RunFinished, RunInterrupted, RunStarted, StackFailed
from gonogo.core.finding import Finding
from gonogo.core.outcome import Verdict
from gonogo.core.plan import JudgingContext, Plan, PlanItem, ResolvedPolicy
from gonogo.judge.findings import judge_item, sort_events
from gonogo.judge.judgement import Judgement, NotProven, StackSummary
from gonogo.judge.limits import relimited
from gonogo.judge.recent import overdue, recent_until
from gonogo.judge.scorecard import area_scores, overall_coverage, overall_score
from gonogo.judge.verdict import rule
from gonogo.rundir.directory import CONTEXT, FACTS, PLAN, Logged, read_events, read_json
from gonogo.rundir.files import to_json

DEFAULT_VALIDITY_S = 7 * 86_400.0


def judge(path: Path, *, as_of: datetime | None = None, policy: ResolvedPolicy | None = None) -> Judgement:
    """Judge a run directory. `as_of` and `policy` replace the recorded ones. Raises UsageError when it is none."""
    events = list(read_events(path))
    context_json, plan_json = read_json(path, CONTEXT), read_json(path, PLAN)
    if context_json is None:
        return _judgement_of_nothing(path, events)
    context = JudgingContext.from_json(context_json)
    instant = as_of or datetime.fromisoformat(context.as_of)
    plan = Plan.from_json(plan_json) if plan_json else Plan(items=())
    facts = read_json(path, FACTS) or {}
    used = policy or context.policy
    log = sort_events(events)
    items = plan.items if policy is None else tuple(_regated(item, policy) for item in plan.items)
    findings = tuple(judge_item(item, log.items[item.id], used, instant) for item in items)
    unhealed = tuple(f"{one.item}: {one.fault}: {reason}" for one, reason in log.open_faults.items())
    errors = _harness_errors(events, planned=plan_json is not None)
    stale_after = datetime.fromisoformat(context.as_of) + timedelta(seconds=used.max_age_s or DEFAULT_VALIDITY_S)
    stopped = _stopped(events) or _too_old(instant, stale_after)
    ruling = rule(
        findings,
        used,
        partial=context.partial,
        stopped=stopped,
        broken=(*unhealed, *errors),
        overdue=() if context.partial else overdue(findings, used, context, instant),
    )
    whole = context.partial is None
    areas = area_scores(findings, used.areas if whole else {})
    finished = next((one for one in reversed(events) if isinstance(one.event, RunFinished)), None)
    end = finished.event if finished and isinstance(finished.event, RunFinished) else None
    return Judgement(
        run_id=context.run_id,
        tool=context.tool,
        stack=_stack(context, facts),
        suite=context.suite,
        policy=used.name,
        commit=context.commit,
        command=context.command,
        started_at=events[0].at if events else context.as_of,
        finished_at=finished.at if finished else None,
        wall_s=end.wall_s if end else None,
        overhead_s=end.overhead_s if end else None,
        judged_as_of=instant.isoformat(timespec="seconds"),
        verdict=ruling.verdict,
        exit_code=int(ruling.exit_code),
        headline=ruling.headline,
        valid_until=_valid_until(ruling.verdict, [stale_after, *recent_until(findings, used, context)], findings),
        interrupted=_interrupted(events),
        unhealed=unhealed,
        harness_errors=errors,
        score=overall_score(findings, used.areas, waivers=True, whole=whole),
        score_without_waivers=overall_score(findings, used.areas, waivers=False, whole=whole),
        coverage=overall_coverage(areas, whole=whole),
        blockers=ruling.blockers,
        unknowns=ruling.unknowns,
        not_proven=(*ruling.not_proven, *_left_out(facts)),
        findings=findings,
        areas=areas,
        contention=_contention(events),
    )


def judgement_bytes(judgement: Judgement) -> bytes:
    """run.json, byte for byte."""
    return to_json(judgement.to_json()).encode()


def _harness_errors(events: Sequence[Logged], *, planned: bool) -> tuple[str, ...]:
    errors = [one.event.reason for one in events if isinstance(one.event, HarnessFailed)]
    ended = any(isinstance(one.event, RunFinished) for one in events)
    if not ended:
        errors.append("the run was killed before it ended" if planned else "the run ended before a plan was made")
    return tuple(errors)


def _interrupted(events: Sequence[Logged]) -> str | None:
    return next((one.event.reason for one in events if isinstance(one.event, RunInterrupted)), None)


def _stopped(events: Sequence[Logged]) -> str | None:
    """Why the run did not get to its end, as a sentence."""
    failed = next((one.event.reason for one in events if isinstance(one.event, StackFailed)), None)
    if failed is not None:
        return f"the stack did not start: {failed}"
    interrupted = _interrupted(events)
    return f"interrupted: {interrupted}" if interrupted else None


def _contention(events: Sequence[Logged]) -> float | None:
    shares = [one.event.contention for one in events if isinstance(one.event, ItemFinished)]
    return max((share for share in shares if share is not None), default=None)


def _left_out(facts: dict[str, Any]) -> tuple[NotProven, ...]:
    """Services without which the stack was verified: what they would have shown, nobody has seen."""
    reason = "optional, and did not run here: everything was verified without it"
    return tuple(NotProven(id=f"services.{name}", reason=reason) for name in facts.get("left_out", ()))


def _stack(context: JudgingContext, facts: dict[str, Any]) -> StackSummary:
    rows = {key: table["rows"] for key, table in facts.get("tables", {}).items()}
    return StackSummary(
        name=context.stack_name,
        runtime=context.runtime,
        fingerprint=context.stack_fingerprint,
        images=facts.get("images", {}),
        versions=facts.get("versions", {}),
        data_size={"bytes": facts.get("data_size_bytes"), "rows": rows},
        problems=tuple(facts.get("problems", ())),
        left_out=tuple(facts.get("left_out", ())),
    )


def _regated(item: PlanItem, policy: ResolvedPolicy) -> PlanItem:
    """The item as another policy gates and limits it: the plan was made by the run's own."""
    gating = item.severity in policy.gates or item.id in policy.require
    return replace(item, gating=gating, expectations=tuple(relimited(one, policy) for one in item.expectations))


def _too_old(as_of: datetime, stale_after: datetime) -> str | None:
    """Why the evidence says nothing about the judging instant any more: its age counts from the run, not from now."""
    return f"the evidence is too old: it counted until {stale_after.isoformat()}" if as_of > stale_after else None


def _valid_until(verdict: Verdict, until: Sequence[datetime], findings: Sequence[Finding]) -> str | None:
    """A GO holds until its evidence is too old or a waiver it rests on ends."""
    if verdict is not Verdict.GO:
        return None
    ends = [datetime.fromisoformat(f"{one.waiver.expires}T23:59:59+00:00") for one in findings if one.waiver]
    return min([*until, *ends]).isoformat(timespec="seconds")


def _judgement_of_nothing(path: Path, events: Sequence[Logged]) -> Judgement:
    """A run that was killed before it knew what to judge."""
    started = next((one for one in events if isinstance(one.event, RunStarted)), None)
    info = started.event.info if started and isinstance(started.event, RunStarted) else {}
    errors = _harness_errors(events, planned=False)
    at = events[0].at if events else "1970-01-01T00:00:00+00:00"
    return Judgement(
        run_id=str(info.get("run_id", path.name)),
        tool=info.get("tool", {"name": "gonogo", "version": "unknown"}),
        stack=StackSummary(
            name=str(info.get("stack", "unknown")),
            runtime="unknown",
            fingerprint="",
            images={},
            versions={},
            data_size={},
        ),
        suite=str(info.get("suite", "")),
        policy="",
        commit=info.get("commit"),
        command=str(info.get("command", "")),
        started_at=at,
        finished_at=None,
        wall_s=None,
        overhead_s=None,
        judged_as_of=at,
        verdict=Verdict.HOLD,
        exit_code=4,
        headline=errors[0] if errors else "nothing was measured",
        valid_until=None,
        interrupted=_interrupted(events),
        unhealed=(),
        harness_errors=errors,
        score=None,
        score_without_waivers=None,
        coverage=0.0,
        blockers=(),
        unknowns=(),
        not_proven=(),
        findings=(),
        areas=(),
    )
