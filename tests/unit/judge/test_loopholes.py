"""Ways to a GO that are none: endless waivers, uncounted samples, old evidence, another policy's gates, lost events."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.core.event import ItemFinished, ItemStarted, ObservationMade, RunFinished
from gonogo.core.facts import Facts
from gonogo.core.finding import Expectation, Finding, Source, Waiver
from gonogo.core.observation import Observation
from gonogo.core.outcome import Area, Effect, Kind, Outcome, Severity, SkipReason, Verdict
from gonogo.core.plan import JudgingContext, Plan, PlanItem, ResolvedPolicy
from gonogo.judge.expectations import judge_expectation
from gonogo.judge.findings import judge_item, sort_events
from gonogo.judge.run import judge
from gonogo.judge.verdict import rule
from gonogo.rundir.directory import CONTEXT, EVENTS, FACTS, PLAN, Logged, RunDirectory

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = ResolvedPolicy(
    name="p", gates=(Severity.CRITICAL, Severity.HIGH), areas={}, accept_unsupported={}, waivers=(), max_age_s=86_400.0
)  # fmt: skip
COUNT = Expectation(observation="count", matcher="equals", expected=0)


def planned(identifier: str, **changes: object) -> PlanItem:
    item = PlanItem(
        id=identifier, kind=Kind.CHECK, title="t", area=Area.API, severity=Severity.HIGH, gating=True,
        source=Source(file="f", line=1), effects=Effect.READ, expectations=(COUNT,),
    )  # fmt: skip
    return replace(item, **changes)  # type: ignore[arg-type]  # a test's own keywords


def a_run(path: Path, values: dict[PlanItem, int]) -> Path:
    """A finished run in which each item observed one value."""
    directory = RunDirectory(path, run_id="r")
    context = JudgingContext(
        run_id="r", as_of=NOW.isoformat(), policy=POLICY, suite="s", partial=None, stack_name="x", runtime="embedded",
        stack_fingerprint="", command="gonogo gate", tool={"name": "gonogo", "version": "0"},
    )  # fmt: skip
    directory.write(CONTEXT, context.to_json())
    directory.write(PLAN, Plan(items=tuple(values)).to_json())
    for item, value in values.items():
        directory.append(ItemStarted(id=item.id))
        directory.append(ObservationMade(id=item.id, observation=Observation(name="count", value=value)))
        directory.append(ItemFinished(id=item.id, seconds=1.0, cpu_seconds=0.1))
    directory.append(RunFinished(wall_s=1.0, overhead_s=0.0))
    return path


@pytest.mark.parametrize(("expires", "waived"), [("2027-05-23", True), ("2027-05-24", False), ("2099-12-31", False)])
def test_a_waiver_ends_within_180_days_or_is_none(tmp_path: Path, expires: str, waived: bool) -> None:
    waiver = Waiver(id="a", owner="team", reason="r", approved_by="sec", expires=expires)
    path = a_run(tmp_path / "run", {planned("a"): 7, planned("b"): 0})
    judgement = judge(path, policy=replace(POLICY, waivers=(waiver,)))
    assert judgement.verdict is (Verdict.GO if waived else Verdict.NO_GO)
    assert waived or "more than 180 days" in judgement.findings[0].reason


def test_samples_that_nobody_counted_are_too_few() -> None:
    observation = Observation(name="count", value=0)
    assert judge_expectation(COUNT, [observation], None).outcome is Outcome.PASS
    assert judge_expectation(replace(COUNT, min_n=10), [observation], None).outcome is Outcome.UNKNOWN
    counted = replace(observation, n=10)
    assert judge_expectation(replace(COUNT, min_n=10), [counted], None).outcome is Outcome.PASS


def test_what_an_item_observes_after_it_was_given_up_counts_for_nothing() -> None:
    told = [
        ItemStarted(id="a"),
        ItemFinished(id="a", seconds=1.0, cpu_seconds=0.1, unmeasurable="still running", cause="time_limit"),
        ObservationMade(id="a", observation=Observation(name="count", value=7)),
    ]
    log = sort_events(Logged(sequence=n, t=float(n), at="", event=one) for n, one in enumerate(told, 1))
    assert judge_item(planned("a"), log.items["a"], POLICY, NOW).outcome is Outcome.UNKNOWN


def test_another_policy_gates_by_its_own_severities(tmp_path: Path) -> None:
    medium = planned("a", severity=Severity.MEDIUM, gating=False)
    path = a_run(tmp_path / "run", {medium: 7, planned("b"): 0})
    assert judge(path).verdict is Verdict.GO
    assert judge(path, policy=replace(POLICY, gates=(*POLICY.gates, Severity.MEDIUM))).verdict is Verdict.NO_GO
    assert judge(path, policy=replace(POLICY, require=("a",))).verdict is Verdict.NO_GO


def test_evidence_ages_from_the_run_and_not_from_the_day_on_which_it_is_judged(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run", {planned("a"): 0})
    fresh, later = judge(path), judge(path, as_of=datetime(2026, 11, 25, 11, tzinfo=UTC))
    assert (fresh.verdict, fresh.valid_until) == (Verdict.GO, "2026-11-25T12:00:00+00:00")
    assert (later.verdict, later.valid_until) == (fresh.verdict, fresh.valid_until)
    old = judge(path, as_of=datetime(2027, 11, 24, tzinfo=UTC))
    assert (old.verdict, old.exit_code, old.valid_until) == (Verdict.HOLD, 3, None)
    assert "too old" in old.headline


def test_a_lost_event_is_no_good_news(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run", {planned("a"): 0, planned("b"): 0})
    lines = (path / EVENTS).read_text().splitlines(keepends=True)
    (path / EVENTS).write_text("".join(lines[:1] + lines[2:]))
    judgement = judge(path)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.HOLD, 4)
    assert "events are missing" in judgement.harness_errors[0]


def test_a_required_item_that_the_stack_file_leaves_no_room_for_holds() -> None:
    def found(identifier: str, outcome: Outcome, skip: SkipReason | None = None) -> Finding:
        return Finding(
            id=identifier, kind=Kind.CHAOS, title="t", area=Area.RESILIENCE, severity=Severity.HIGH, gating=True,
            outcome=outcome, skip=skip, source=Source(file="f", line=1),
        )  # fmt: skip

    findings = (found("a", Outcome.PASS), found("b", Outcome.SKIPPED, SkipReason.NOT_APPLICABLE))
    assert rule(findings, POLICY, partial=None, stopped=None, broken=()).verdict is Verdict.GO
    ruling = rule(findings, replace(POLICY, require=("b",)), partial=None, stopped=None, broken=())
    assert ruling.verdict is Verdict.HOLD
    assert [row.id for row in ruling.not_proven] == ["b"]
    assert ruling.not_proven[0].reason.endswith("required by the policy")


def test_a_go_without_an_optional_service_says_so(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run", {planned("a"): 0})
    (path / FACTS).write_text(json.dumps(Facts(runtime="embedded", left_out=("cache",)).to_json()))
    judgement = judge(path)
    assert judgement.verdict is Verdict.GO
    assert [(row.id, "without it" in row.reason) for row in judgement.not_proven] == [("services.cache", True)]
