"""The page of the history: what became worse comes first, what others wrote is text, one run is not drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gonogo.core.plan import Past
from gonogo.reports.history_page import page
from gonogo.rundir.history import Entry, Measure

BEGAN = datetime(2026, 11, 1, 3, tzinfo=UTC)


def runs(identifier: str, values: list[float], *, name: str = "rto", reason: str = "") -> list[Entry]:
    """One run a day, newest first."""
    found = [
        Entry(
            past=Past(
                run_id=f"r{day}", at=(BEGAN + timedelta(days=day)).isoformat(), runtime="docker",
                outcome="FAIL" if reason else "PASS", reason=reason,
            ),
            id=identifier, stack="s", revision="abc",
            measures=(Measure(name=name, subject="", value=value, unit="s", worse="up"),),
        )
        for day, value in enumerate(values)
    ]  # fmt: skip
    return found[::-1]


STEADY = [10.0, 10.1, 9.9, 10.0, 10.2, 10.0, 10.1]


def test_what_became_worse_comes_first_and_is_drawn() -> None:
    text = page({"restore_drills/a": runs("a", STEADY), "restore_drills/b": runs("b", [*STEADY, 14.0])})
    assert text.index('id="restore_drills/b"') < text.index('id="restore_drills/a"')
    assert text.count("rto: WORSE</figcaption>") == 1
    assert text.count("<figure>") == 2
    assert "usually 10.00 s" in text
    assert "2026-11-08" in text
    assert "<script" not in text


def test_what_others_wrote_is_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    text = page({"restore_drills/a": runs("a", [1.0, 2.0], name=hostile, reason=hostile)})
    assert hostile not in text
    assert "&lt;img src=x" in text


def test_one_run_and_numbers_that_never_change_are_told_without_a_plot() -> None:
    text = page({"a": runs("a", [3.0]), "b": runs("b", [0.0, 0.0, 0.0])})
    assert "<figure>" not in text
    assert "The same in every run: rto 0 s." in " ".join(text.split())
    assert "1 runs" not in text


def test_numbers_of_another_stack_are_not_drawn() -> None:
    here, there = runs("a", STEADY), [replace(one, stack="other") for one in runs("a", [500.0, 600.0])]
    assert "10 min" not in page({"a": [*here, *there]}).split("</figure>")[0]
