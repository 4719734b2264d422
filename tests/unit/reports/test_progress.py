"""What people see while a run goes on."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from tests.golden import runs

from gonogo.cli import _progress
from gonogo.cli._progress import Progress
from gonogo.core.event import (
    Event,
    FaultUnhealed,
    ItemFinished,
    ItemProgressed,
    ItemStarted,
    PlanMade,
    StackFailed,
    StackStarted,
)
from gonogo.judge.run import judge, judgement_bytes

EVENTS: tuple[Event, ...] = (
    StackStarted(stack="reference", runtime="embedded", seconds=3.2),
    PlanMade(items=3, to_run=2, predicted_s=95),
    ItemStarted(id="checks/api/a"),
    ItemProgressed(id="checks/api/a", message="[half] way"),
    ItemFinished(id="checks/api/a", seconds=0.41, cpu_seconds=0.1),
    ItemStarted(id="chaos/b"),
    FaultUnhealed(id="chaos/b", fault="killed", reason="disk [full]"),
    ItemFinished(id="chaos/b", seconds=12, cpu_seconds=0.1, unmeasurable="steady state [not] met"),
)


def lines_of(capsys: pytest.CaptureFixture[str], *, quiet: bool = False, verbose: bool = False) -> list[str]:
    with Progress(quiet=quiet, verbose=verbose, colour=False) as progress:
        for at, event in enumerate(EVENTS):
            progress.event(float(at), event)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_each_item_is_a_line_with_its_number_its_time_and_what_could_not_be_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lines_of(capsys) == [
        "    0.0s stack reference answers on embedded after 3.20 s",
        "    1.0s plan: 2 of 3 verifications, about 1 min 35 s",
        "    4.0s 1/2   410.0 ms  checks/api/a",
        "    6.0s fault killed is NOT healed: disk [full]; run `gonogo heal`",
        "    7.0s 2/2    12.00 s  chaos/b  not measured: steady state [not] met",
    ]


def test_verbose_tells_what_an_item_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert "    3.0s         checks/api/a: [half] way" in lines_of(capsys, verbose=True)


def test_quiet_says_nothing_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(capsys, quiet=True) == []


def test_a_stack_that_does_not_start_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False, verbose=False, colour=False) as progress:
        progress.event(1.0, StackFailed(reason="port [5432] is taken"))
    assert capsys.readouterr().err == "    1.0s the stack did not start: port [5432] is taken\n"


def test_silence_is_broken_by_a_line_that_names_what_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, "TICK_S", 0.01)
    monkeypatch.setattr(_progress, "HEARTBEAT_S", 0.05)
    with Progress(quiet=False, verbose=False, colour=False) as progress:
        progress.event(0.0, ItemStarted(id="restore_drills/x"))
        time.sleep(0.3)
    assert "still at it: restore_drills/x 0 s" in capsys.readouterr().err


def test_events_may_come_from_many_threads(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False, verbose=False, colour=False) as progress:
        progress.event(0.0, PlanMade(items=200, to_run=200, predicted_s=1))

        def work(number: int) -> None:
            for index in range(25):
                name = f"checks/api/c{number}_{index}"
                progress.event(1.0, ItemStarted(id=name))
                progress.event(1.0, ItemFinished(id=name, seconds=1, cpu_seconds=0))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = capsys.readouterr().err.splitlines()[1:]
    assert [line.split()[1] for line in lines] == [f"{number}/200" for number in range(1, 201)]


@pytest.mark.parametrize("in_github", [True, False])
def test_the_end_goes_to_standard_output_with_annotations_where_they_are_read(
    in_github: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if in_github:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    record = json.loads(judgement_bytes(judge(runs.write_no_go(tmp_path / "run"))))
    Progress(quiet=False, verbose=False, colour=False).verdict(record, tmp_path / "run")
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "   NO-GO     At least one gate fails." in captured.out
    assert ("\n::error file=" in captured.out) is in_github
