"""The verdict is a conjunction of gates; UNKNOWN is never good, and no score decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gonogo.core.event import ItemFinished
from gonogo.core.finding import Expectation, Finding, Source, Waiver
from gonogo.core.observation import Observation
from gonogo.core.outcome import Area, Effect, ExitCode, Kind, Outcome, Severity, SkipReason, Verdict
from gonogo.core.plan import PlanItem, ResolvedPolicy
from gonogo.judge.expectations import judge_expectation
from gonogo.judge.findings import ItemLog, judge_item
from gonogo.judge.scorecard import area_scores, overall_coverage, overall_score
from gonogo.judge.verdict import rule

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = ResolvedPolicy(
    name="p",
    gates=(Severity.CRITICAL, Severity.HIGH),
    areas={"api": 60, "backup": 40},
    accept_unsupported={},
    waivers=(),
)
WAIVER = Waiver(id="a", owner="team", reason="r", approved_by="sec", expires="2026-11-24")


def finding(outcome: Outcome, identifier: str = "a", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": identifier, "kind": Kind.CHECK, "title": "t", "area": Area.API, "severity": Severity.HIGH, "gating": True,
        "outcome": outcome, "source": Source(file="f", line=1),
    }  # fmt: skip
    return Finding(**{**values, **changes})


def verdict_of(*findings: Finding, policy: ResolvedPolicy = POLICY, **options: Any) -> tuple[Verdict, ExitCode]:
    given: dict[str, Any] = {"partial": None, "stopped": None, "broken": (), **options}
    ruling = rule(findings, policy, **given)
    return ruling.verdict, ruling.exit_code


PASS, FAIL, UNKNOWN = finding(Outcome.PASS), finding(Outcome.FAIL, "b"), finding(Outcome.UNKNOWN, "c")
UNSUPPORTED = finding(Outcome.SKIPPED, "d", skip=SkipReason.UNSUPPORTED, reason="unsupported: kill: read-only")
DROPPED = finding(Outcome.SKIPPED, "e", skip=SkipReason.DROPPED, reason="dropped: left out by --skip")
NOT_APPLICABLE = finding(Outcome.SKIPPED, "f", skip=SkipReason.NOT_APPLICABLE, reason="not applicable: no standbys")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ((PASS,), (Verdict.GO, ExitCode.GO)),
        ((PASS, FAIL), (Verdict.NO_GO, ExitCode.NO_GO)),
        ((PASS, UNKNOWN), (Verdict.HOLD, ExitCode.HOLD)),
        ((FAIL, UNKNOWN), (Verdict.NO_GO, ExitCode.NO_GO)),
        ((PASS, UNSUPPORTED), (Verdict.HOLD, ExitCode.HOLD)),
        ((PASS, DROPPED), (Verdict.HOLD, ExitCode.HOLD)),
        ((PASS, NOT_APPLICABLE), (Verdict.GO, ExitCode.GO)),
        ((NOT_APPLICABLE,), (Verdict.HOLD, ExitCode.HOLD)),
        ((), (Verdict.HOLD, ExitCode.HOLD)),
        ((PASS, replace(FAIL, gating=False)), (Verdict.GO, ExitCode.GO)),
        ((PASS, replace(UNKNOWN, gating=False)), (Verdict.GO, ExitCode.GO)),
        ((PASS, replace(FAIL, waiver=WAIVER)), (Verdict.GO, ExitCode.GO)),
        ((PASS, replace(UNKNOWN, waiver=WAIVER)), (Verdict.HOLD, ExitCode.HOLD)),
    ],
)
def test_gates_decide(findings: tuple[Finding, ...], expected: tuple[Verdict, ExitCode]) -> None:
    assert expected == verdict_of(*findings)


def test_what_the_policy_accepts_by_name_does_not_hold_and_is_told() -> None:
    policy = replace(POLICY, accept_unsupported={"d": "proven nightly"})
    ruling = rule((PASS, UNSUPPORTED), policy, partial=None, stopped=None, broken=())
    assert ruling.verdict is Verdict.GO
    assert ruling.not_proven[0].reason.endswith("accepted by the policy: proven nightly")


def test_a_failure_of_gonogo_is_exit_4_and_never_go() -> None:
    assert verdict_of(PASS, broken=("boom",)) == (Verdict.HOLD, ExitCode.HARNESS_FAILED)
    assert verdict_of(PASS, FAIL, broken=("boom",)) == (Verdict.NO_GO, ExitCode.HARNESS_FAILED)


def test_an_interrupted_run_holds_unless_it_has_earned_a_no_go() -> None:
    assert verdict_of(PASS, stopped="interrupted: SIGINT") == (Verdict.HOLD, ExitCode.HOLD)
    assert verdict_of(PASS, FAIL, stopped="interrupted: SIGINT") == (Verdict.NO_GO, ExitCode.NO_GO)


def test_a_part_of_a_suite_is_partial_and_a_required_item_that_is_absent_holds() -> None:
    assert verdict_of(PASS, partial="only checks") == (Verdict.PARTIAL, ExitCode.GO)
    required = replace(POLICY, require=("chaos/failover",))
    assert verdict_of(PASS, policy=required) == (Verdict.HOLD, ExitCode.HOLD)
    assert verdict_of(PASS, policy=required, partial="only checks") == (Verdict.PARTIAL, ExitCode.GO)


def item(**changes: Any) -> PlanItem:
    values: dict[str, Any] = {
        "id": "a", "kind": Kind.CHECK, "title": "t", "area": Area.API, "severity": Severity.HIGH, "gating": True,
        "source": Source(file="f", line=1), "effects": Effect.READ,
        "expectations": (Expectation(observation="p95", matcher="at_most", expected=0.3, unit="s", text="300ms"),),
    }  # fmt: skip
    return PlanItem(**{**values, **changes})


def log(*observations: Observation, **finished: Any) -> ItemLog:
    end = ItemFinished(id="a", seconds=1.0, cpu_seconds=0.1, **finished)
    return ItemLog(started_at="2026-11-24T12:00:00", started_s=0.0, finished=end, observations=list(observations))


SLOW = Observation(name="p95", value=0.4, unit="s", load_sensitive=True)


@pytest.mark.parametrize(
    ("plan_item", "item_log", "outcome"),
    [
        (item(), log(Observation(name="p95", value=0.2, unit="s")), Outcome.PASS),
        (item(), log(SLOW), Outcome.FAIL),
        (item(), log(SLOW, contention=0.6), Outcome.UNKNOWN),
        (item(), log(replace(SLOW, load_sensitive=False), contention=0.6), Outcome.FAIL),
        (item(), log(), Outcome.UNKNOWN),
        (item(), log(Observation(name="p95", value=0.2, unit="B")), Outcome.UNKNOWN),
        (item(), log(Observation(name="p95", value=float("nan"), unit="s")), Outcome.UNKNOWN),
        (item(), log(Observation(name="p95", value=0.2, unit="s", low=0.1, high=0.5)), Outcome.UNKNOWN),
        (item(), log(Observation(name="p95", value=0.2, unit="s"), unmeasurable="crashed"), Outcome.UNKNOWN),
        (item(), log(SLOW, unmeasurable="crashed"), Outcome.FAIL),
        (item(), ItemLog(), Outcome.UNKNOWN),
        (item(expectations=()), log(), Outcome.UNKNOWN),
        (item(skip=SkipReason.UNSUPPORTED, reason="kill"), ItemLog(), Outcome.SKIPPED),
        (item(unreachable="db does not answer"), ItemLog(), Outcome.UNKNOWN),
    ],
)
def test_an_item_passes_only_on_evidence(plan_item: PlanItem, item_log: ItemLog, outcome: Outcome) -> None:
    assert judge_item(plan_item, item_log, POLICY, NOW).outcome is outcome


def test_the_worst_subject_decides_and_is_named() -> None:
    seen = [Observation(name="p95", value=value, unit="s", subject=name) for name, value in (("a", 0.1), ("b", 0.9))]
    result = judge_expectation(item().expectations[0], seen, None)
    assert (result.outcome, result.subjects) == (Outcome.FAIL, ("b",))


@pytest.mark.parametrize(("expires", "waived"), [("2026-11-24", True), ("2026-11-23", False)])
def test_a_waiver_counts_on_its_last_day_and_not_after(expires: str, waived: bool) -> None:
    policy = replace(POLICY, waivers=(replace(WAIVER, expires=expires),))
    assert (judge_item(item(), log(SLOW), policy, NOW).waiver is not None) is waived


def test_the_last_day_of_a_waiver_is_one_of_utc_wherever_it_is_judged() -> None:
    policy = replace(POLICY, waivers=(replace(WAIVER, expires="2026-11-24"),))
    late = datetime(2026, 11, 25, 3, tzinfo=UTC)  # still the 24th, five hours west of it
    for moment in (late, late.astimezone(timezone(timedelta(hours=-5)))):
        assert judge_item(item(), log(SLOW), policy, moment).waiver is None


def test_unknown_scores_nothing_and_lowers_coverage() -> None:
    findings = (PASS, UNKNOWN, finding(Outcome.PASS, "g", area=Area.BACKUP))
    rows = area_scores(findings, POLICY.areas)
    assert [(row.name, row.score, row.coverage) for row in rows] == [(Area.BACKUP, 100.0, 1.0), (Area.API, 50.0, 0.5)]
    assert overall_score(findings, POLICY.areas, waivers=True, whole=True) == 70.0
    assert overall_coverage(rows, whole=True) == 0.7


def test_an_area_that_was_not_measured_stays_in_the_denominator_of_a_whole_run() -> None:
    assert overall_score((PASS,), POLICY.areas, waivers=True, whole=True) == 60.0
    assert overall_score((PASS,), POLICY.areas, waivers=True, whole=False) == 100.0


def test_a_waived_failure_scores_only_in_the_score_with_waivers() -> None:
    findings = (replace(FAIL, waiver=WAIVER),)
    scores = [overall_score(findings, {"api": 1}, waivers=given, whole=True) for given in (True, False)]
    assert scores == [100.0, 0.0]
