"""What a stack has nothing of passes nothing and fails nothing, and whoever reads the finding is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gonogo.core.event import ItemFinished, ItemStarted, ObservationMade
from gonogo.core.finding import Expectation, Finding, Source
from gonogo.core.observation import Observation
from gonogo.core.outcome import Area, Effect, Kind, Outcome, Severity, Verdict
from gonogo.core.plan import PlanItem, ResolvedPolicy
from gonogo.judge.expectations import judge_expectation
from gonogo.judge.findings import judge_item, sort_events
from gonogo.judge.verdict import rule
from gonogo.rundir.directory import Logged

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = ResolvedPolicy(name="p", gates=(Severity.HIGH,), areas={}, accept_unsupported={}, waivers=())
USED = Expectation(observation="used", matcher="equals", expected=True)
ROWS = Expectation(observation="rows", matcher="equals", expected=0)
ABSENT = Observation(name="used", value=None, not_applicable=True, detail="there is no vector column")
GOOD = Observation(name="used", subject="search", value=True, n=1)
BAD = Observation(name="used", subject="chat", value=False, n=1)
NOT_MEASURED = Observation(name="used", value=None, detail="it did not answer")


@pytest.mark.parametrize(
    ("observations", "outcome"),
    [
        ((ABSENT,), Outcome.SKIPPED),
        ((ABSENT, GOOD), Outcome.PASS),
        ((ABSENT, GOOD, BAD), Outcome.FAIL),
        ((ABSENT, GOOD, NOT_MEASURED), Outcome.UNKNOWN),
        ((replace(ABSENT, value=False),), Outcome.FAIL),
        ((), Outcome.UNKNOWN),
    ],
)
def test_it_counts_for_nothing_beside_what_was_measured(
    observations: tuple[Observation, ...], outcome: Outcome
) -> None:
    assert judge_expectation(USED, observations, None).outcome is outcome


def test_what_a_pass_does_not_cover_is_said_with_it() -> None:
    result = judge_expectation(USED, [replace(ABSENT, subject="chat"), GOOD], None)
    assert (result.reason, result.actual) == (
        "not applicable to chat: there is no vector column",
        "search: true (n=1)",
    )


def found(*observations: Observation) -> Finding:
    item = PlanItem(
        id="restore_drills/a", kind=Kind.DRILL, title="t", area=Area.BACKUP, severity=Severity.HIGH, gating=True,
        source=Source(file="f", line=1), effects=Effect.WRITE, expectations=(USED, ROWS),
    )  # fmt: skip
    events = [
        ItemStarted(id=item.id),
        *(ObservationMade(id=item.id, observation=Observation.from_json(one.to_json())) for one in observations),
        ItemFinished(id=item.id, seconds=1.0, cpu_seconds=0.1),
    ]
    log = sort_events(
        Logged(sequence=number, event=event, at=NOW.isoformat(), t=0.0) for number, event in enumerate(events)
    )
    return judge_item(item, log.items[item.id], POLICY, NOW)


def test_the_rest_decides_and_the_verdict_says_what_it_does_not_cover() -> None:
    finding = found(ABSENT, Observation(name="rows", value=0, n=5))
    assert (finding.outcome, finding.reason) == (Outcome.PASS, "used: not applicable: there is no vector column")
    ruling = rule([finding], POLICY, partial=None, stopped=None, broken=())
    assert ruling.verdict is Verdict.GO
    assert [one.reason for one in ruling.not_proven] == [
        "passes in part: used: not applicable: there is no vector column"
    ]


def test_what_is_wrong_is_wrong() -> None:
    assert found(ABSENT, Observation(name="rows", value=2, n=5)).outcome is Outcome.FAIL


def test_a_finding_of_which_nothing_applies_proves_nothing() -> None:
    finding = found(ABSENT, Observation(name="rows", value=None, not_applicable=True, detail="there is no table"))
    assert finding.outcome is Outcome.UNKNOWN
    assert "nothing of what it expects was measured" in finding.reason
