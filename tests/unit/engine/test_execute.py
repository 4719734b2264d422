"""An item that cannot be ended: what it may still break is not measured by others."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.event import HarnessFailed, ItemFinished, ItemStarted
from gonogo.core.finding import Source
from gonogo.core.outcome import Area, Effect, Kind, Severity
from gonogo.core.plan import Plan, PlanItem
from gonogo.engine import execute
from gonogo.engine.cpu import Sample
from gonogo.engine.execute import Executor
from gonogo.rundir.directory import RunDirectory, read_events


def item(
    identifier: str, effects: Effect, time_limit_s: float = 30.0, *, kind: Kind = Kind.CHECK, uses: tuple[str, ...] = ()
) -> PlanItem:
    return PlanItem(
        id=identifier, kind=kind, uses=uses, title="t", area=Area.API, severity=Severity.HIGH, gating=True,
        source=Source(file="f", line=1), effects=effects, expectations=(), time_limit_s=time_limit_s,
    )  # fmt: skip


def ran(path: Path, hanging: PlanItem, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str], list[str]]:
    """Which items began, which of them ended by themselves, and failures of gonogo; the first item hangs."""
    monkeypatch.setattr(execute, "GRACE_S", 0.1)
    monkeypatch.setattr(execute, "HEALING_GRACE_S", 0.3)
    directory = RunDirectory(path, run_id="r")
    meter: Any = SimpleNamespace(sample=lambda: Sample(0.0, 0.0, 0.0))
    release = threading.Event()

    def runner(one: PlanItem, _deadline: Deadline) -> None:
        if one is hanging:
            release.wait(20)

    Executor(directory, cast("Any", meter), Interruption(), runner).run(
        Plan(items=(hanging, item("next", Effect.WRITE), item("last", Effect.READ)))
    )
    release.set()
    events = [one.event for one in read_events(path)]
    began = [one.id for one in events if isinstance(one, ItemStarted)]
    well = [one.id for one in events if isinstance(one, ItemFinished) and one.unmeasurable is None]
    return began, well, [one.reason for one in events if isinstance(one, HarnessFailed)]


@pytest.mark.parametrize("effects", [Effect.WRITE, Effect.DISRUPTIVE])
def test_nothing_runs_beside_one_that_breaks_things_and_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effects: Effect
) -> None:
    began, well, failures = ran(tmp_path / "run", item("hangs", effects, 0.1), monkeypatch)
    assert (began, well) == (["hangs"], [])
    assert len(failures) == 1
    assert failures[0].startswith("hangs is still running")


def test_one_that_only_reads_and_does_not_end_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, well, failures = ran(tmp_path / "run", item("hangs", Effect.READ, 0.1), monkeypatch)
    assert (began, well, failures) == (["hangs", "next", "last"], ["next", "last"], [])


@pytest.mark.parametrize(
    "timed",
    [
        item("timed", Effect.READ, uses=("quiet_host",)),
        item("timed", Effect.WRITE, kind=Kind.LOAD),
        item("timed", Effect.DISRUPTIVE, kind=Kind.CHAOS),
        item("timed", Effect.WRITE, kind=Kind.DRILL),
    ],
    ids=lambda one: one.kind.value,
)
def test_times_are_not_measured_beside_one_that_was_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timed: PlanItem
) -> None:
    """It may compute for ever, and counts as our own: a slow answer would be held against the stack."""
    monkeypatch.setattr(execute, "GRACE_S", 0.1)
    release, threads, done = threading.Event(), list[threading.Thread](), list[str]()

    def runner(one: PlanItem, _deadline: Deadline) -> None:
        done.append(one.id)
        if one.id == "hangs":
            threads.append(threading.current_thread())
            release.wait(20)
        elif one.id == "in between":
            release.set()
            threads[0].join(20)

    meter: Any = SimpleNamespace(sample=lambda: Sample(0.0, 0.0, 0.0))
    items = item("hangs", Effect.READ, 0.1), timed, item("in between", Effect.WRITE), replace(timed, id="later")
    Executor(RunDirectory(tmp_path / "run", run_id="r"), meter, Interruption(), runner).run(Plan(items=items))
    ended = {one.event.id: one.event for one in read_events(tmp_path / "run") if isinstance(one.event, ItemFinished)}
    assert done == ["hangs", "in between", "later"]
    assert "hangs, which was given up, still runs" in str(ended["timed"].unmeasurable)
    assert ended["later"].unmeasurable is None


def test_one_that_does_not_end_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(tmp_path / "run", item("hangs", Effect.READ, 0.1), monkeypatch)
    ended = {one.event.id: one.event for one in read_events(tmp_path / "run") if isinstance(one.event, ItemFinished)}
    assert "release.wait(20)" in str(ended["hangs"].traceback)
    assert ended["next"].traceback is None


def test_a_short_item_shares_the_contention_of_what_came_just_before_it(tmp_path: Path) -> None:
    """Else a slow answer on a busy host would fail only where it is quick enough."""
    samples = iter([Sample(0.0, 0.0, 0.0), Sample(0.4, 0.4, 0.0), Sample(0.4, 0.4, 0.0), Sample(0.7, 0.7, 0.0)])
    meter: Any = SimpleNamespace(sample=lambda: next(samples))
    Executor(RunDirectory(tmp_path / "run", run_id="r"), meter, Interruption(), lambda _item, _deadline: None).run(
        Plan(items=(item("first", Effect.WRITE), item("second", Effect.WRITE)))
    )
    ended = [one.event for one in read_events(tmp_path / "run") if isinstance(one.event, ItemFinished)]
    assert ended[0].contention is None  # nothing came before it
    assert ended[1].contention == pytest.approx(1 / (os.cpu_count() or 1), abs=0.01)
