"""Phases share their instants: their sum is the whole, to the nanosecond."""

from __future__ import annotations

import time

import pytest

from gonogo.core.errors import HarnessError
from gonogo.runners.phases import PhaseClock


def test_phases_sum_to_the_whole_exactly() -> None:
    clock = PhaseClock("provision")
    for name in ("schema", "data", "schema"):
        time.sleep(0.001)
        clock.begin(name)
    clock.end()
    spans = clock.phases
    assert sum(span.end_ns - span.start_ns for span in spans) == spans[-1].end_ns - spans[0].start_ns
    assert [one.end_ns for one in spans[:-1]] == [one.start_ns for one in spans[1:]]
    assert clock.total_seconds() == pytest.approx(sum(span.seconds for span in spans), abs=1e-12)
    assert clock.total_seconds() > 0.003


def test_phases_of_one_name_are_added() -> None:
    clock = PhaseClock("a")
    clock.begin("b")
    clock.begin("a")
    clock.end()
    first, _, last = clock.phases
    assert clock.seconds_of("a") == first.seconds + last.seconds


def test_a_total_needs_an_end() -> None:
    with pytest.raises(HarnessError, match="has not ended"):
        PhaseClock("a").total_seconds()


def test_nothing_begins_or_ends_after_the_end() -> None:
    clock = PhaseClock("a")
    clock.end()
    with pytest.raises(HarnessError, match="begins after the end"):
        clock.begin("b")
    with pytest.raises(HarnessError, match="ended before"):
        clock.end()


def test_what_was_measured_stays_when_time_goes_on() -> None:
    clock = PhaseClock("a")
    clock.end()
    total = clock.total_seconds()
    time.sleep(0.002)
    assert clock.total_seconds() == total == clock.elapsed_seconds
