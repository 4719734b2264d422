"""What must have passed lately holds a gate up when it has not: absent, failed, elsewhere, or too long ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.judge.test_verdict import NOW, POLICY, finding

from gonogo.core.outcome import ExitCode, Outcome, SkipReason, Verdict
from gonogo.core.plan import JudgingContext, Past
from gonogo.judge.recent import overdue, recent_until
from gonogo.judge.verdict import rule

DRILL = "restore_drills/pg_dump_custom"
WEEK_S = 7 * 86_400.0
WANTED = replace(POLICY, require_recent={DRILL: WEEK_S})
YESTERDAY = Past(run_id="r1", at=(NOW - timedelta(days=1)).isoformat(), runtime="docker", outcome="PASS")
CONTEXT = JudgingContext(
    run_id="r2", as_of=NOW.isoformat(), policy=WANTED, suite="ci", partial=None, stack_name="s", runtime="docker",
    stack_fingerprint="", command="gonogo gate", tool={}, history="h.sqlite holds no run of it on the stack s",
)  # fmt: skip


def reasons(past: Past | None, *, at: datetime = NOW) -> list[str]:
    context = replace(CONTEXT, past={DRILL: past})
    return [one.reason for one in overdue([], WANTED, context, at)]


def test_a_drill_that_passed_yesterday_counts() -> None:
    assert reasons(YESTERDAY) == []


@pytest.mark.parametrize(
    ("past", "part"),
    [
        (None, "h.sqlite holds no run of it"),
        (replace(YESTERDAY, at=(NOW - timedelta(days=8)).isoformat()), "it last passed 8 d 0 h ago"),
        (replace(YESTERDAY, outcome="FAIL", reason="rows are missing"), "it was FAIL when it last ran"),
        (replace(YESTERDAY, outcome="UNKNOWN"), "it was UNKNOWN when it last ran"),
        (replace(YESTERDAY, runtime="embedded"), "it last ran on embedded (run r1), never on docker"),
        (replace(YESTERDAY, beyond="rto was 40 min, more than 15 min"), "by other limits than today's: rto was 40 min"),
        (replace(YESTERDAY, at=(NOW + timedelta(days=30)).isoformat()), "which lies ahead"),
    ],
)
def test_a_drill_that_has_stopped_passing_holds_the_gate_up(past: Past | None, part: str) -> None:
    (reason,) = reasons(past)
    assert reason.startswith("must pass every 7 d 0 h: ")
    assert part in reason
    held = rule(
        [finding(Outcome.PASS)], WANTED, partial=None, stopped=None, broken=(),
        overdue=overdue([], WANTED, replace(CONTEXT, past={DRILL: past}), NOW),
    )  # fmt: skip
    assert (held.verdict, held.exit_code, held.holds) == (Verdict.HOLD, ExitCode.HOLD, (DRILL,))
    assert held.headline == f"{DRILL} is not proven: {reason}"
    assert reason in [one.reason for one in held.not_proven]


def test_what_ran_beside_the_stack_counts_whatever_the_runtime() -> None:
    assert reasons(replace(YESTERDAY, runtime="embedded", beside=True)) == []
    (failed,) = reasons(replace(YESTERDAY, runtime="embedded", beside=True, outcome="FAIL"))
    assert "it was FAIL" in failed


def test_time_passes_for_a_run_that_is_judged_again() -> None:
    assert reasons(YESTERDAY, at=NOW + timedelta(days=5)) == []
    assert reasons(YESTERDAY, at=NOW + timedelta(days=7))


def test_what_runs_here_decides_whatever_the_history_says() -> None:
    context = replace(CONTEXT, past={DRILL: None})
    assert overdue([finding(Outcome.PASS, DRILL)], WANTED, context, NOW) == ()
    context = replace(CONTEXT, past={DRILL: YESTERDAY})
    (row,) = overdue([finding(Outcome.FAIL, DRILL, gating=False, reason="it is cut")], WANTED, context, NOW)
    assert row.reason.endswith("FAIL in this run: it is cut")
    skipped = finding(Outcome.SKIPPED, DRILL, skip=SkipReason.DESELECTED, reason="not in the suite")
    assert overdue([skipped], WANTED, context, NOW) == ()


def test_a_go_ends_with_the_drill_it_rests_on() -> None:
    context = replace(CONTEXT, past={DRILL: YESTERDAY})
    assert recent_until([], WANTED, context) == [NOW + timedelta(days=6)]
    assert recent_until([finding(Outcome.PASS, DRILL)], WANTED, context) == []


def test_the_context_is_read_back_as_it_was_written() -> None:
    for past in (YESTERDAY, None):
        context = replace(CONTEXT, past={DRILL: past})
        assert JudgingContext.from_json(context.to_json()) == context
    assert datetime.fromisoformat(YESTERDAY.at).tzinfo == UTC
