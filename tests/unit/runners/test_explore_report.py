"""Advice from measured ways: the fastest that is safe, the simplest of equals, nothing that brings other content."""

from __future__ import annotations

from gonogo.drills.given.ways import Way
from gonogo.runners.explore_report import Measured, advice, table
from gonogo.runners.phases import PhaseClock


def way(
    name: str, full: float | None, *, first: float | None = None, safe: bool = True, other: bool = False,
    differs: bool = False,
) -> Measured:  # fmt: skip
    return Measured(
        way=Way(name=name, production="so", safe=safe, other_backup=other),
        clock=PhaseClock("server"),
        answered_seconds=first or full,
        full_seconds=full,
        failure="" if full else "it broke \x1b[31m",
        differs=differs,
    )


def test_the_fastest_safe_way_is_advised() -> None:
    text = advice([way("plain", 60), way("memory", 20), way("wild", 10, safe=False)])
    assert text == "The fastest safe way with this backup is 'memory': 20.00 s instead of 1 min 0 s (0.33)."


def test_of_ways_that_are_as_fast_the_simplest_is_advised() -> None:
    assert "'memory'" in advice([way("plain", 60), way("memory", 20), way("more", 19.5)])
    assert advice([way("plain", 60), way("memory", 58)]).startswith("No safe way is faster")


def test_a_way_that_brings_other_content_is_never_advised() -> None:
    text = advice([way("plain", 60), way("memory", 20, differs=True), way("files", 1, other=True, differs=True)])
    assert "memory" not in text
    assert "files" not in text


def test_a_first_way_that_fails_leaves_no_ratio_and_still_an_advice() -> None:
    measured = [way("plain", None), way("memory", 20)]
    assert "'memory': 20.00 s (the first way did not come to its end)" in advice(measured)
    made = table(measured, [], [], physical=False)
    assert made.rows[0][-3:] == ("failed", "-", "-")
    assert made.rows[1][-2] == "-"
    assert "\x1b" not in "".join(made.remarks)


def test_early_answers_another_backup_and_useless_dangers_are_named() -> None:
    text = advice(
        [way("plain", 60), way("memory", 20), way("last", 20.1, first=4), way("wild", 20, safe=False),
         way("rows", 15, other=True), way("files", 1, other=True)]
    )  # fmt: skip
    assert "'last' answers correctly after 4.00 s (0.07)" in text
    assert "Another backup is faster still: 'files', 1.00 s instead of 1 min 0 s (0.02)." in text
    assert "without fsync brings nothing" in text


def test_without_any_way_there_is_no_advice() -> None:
    assert advice([way("plain", None), way("wild", 3, safe=False)]) == "No safe way was measured to its end."
