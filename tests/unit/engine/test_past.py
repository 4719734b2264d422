"""What an earlier drill took, against what this run allows."""

from __future__ import annotations

import pytest

from gonogo.core.plan import Past
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.past import _beyond
from gonogo.rundir.history import Entry, Measure

DRILL = "restore_drills/pg_dump_custom"
INPUTS = read_inputs(RunOptions(stack_changes={"objectives.rto": "15min"}))


def entry(seconds: float, *, identifier: str = DRILL, name: str = "rto") -> Entry:
    past = Past(run_id="r1", at="2026-11-01T00:00:00+00:00", runtime="embedded", outcome="PASS")
    measure = Measure(name=name, subject="", value=seconds, unit="s", worse="up")
    return Entry(past=past, id=identifier, stack="reference", revision=None, measures=(measure,))


def test_a_drill_that_took_longer_than_this_run_allows_is_told() -> None:
    assert "rto was 40 min" in _beyond(INPUTS, entry(2400.0))


@pytest.mark.parametrize(
    "one", [entry(600.0), entry(2400.0, name="phase_seconds"), entry(2400.0, identifier="restore_drills/verify_backup")]
)
def test_what_is_within_its_limits_or_has_none_counts(one: Entry) -> None:
    assert _beyond(INPUTS, one) == ""
