"""kill -9 at every boundary and at random moments: nothing is left running, nothing recorded is lost."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.func.cli.gonogo import finish, gonogo, run_json, start

from gonogo.core.event import Event, RunFinished
from gonogo.rundir.directory import read_events
from gonogo.rundir.state import scratch_root, state_root
from gonogo.stacks.cleanup import leftovers

pytestmark = pytest.mark.timeout(900)  # many runs, each of which starts a stack

ITEM = "checks/vector_index/index_is_used"
INTENT_STEP = 3  # every third intent in CI; the benchmark does them all
RANDOM_KILLS = 4


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another run that lives all the time and keeps its stack up."""
    out = tmp_path_factory.mktemp("neighbour") / "run"
    process = start("check", ITEM, "--runtime", "embedded", "--keep-up", "--out", out)
    held = list(state_root().glob("*/held.json"))
    limit = time.monotonic() + 120
    while not held and time.monotonic() < limit and process.poll() is None:
        time.sleep(0.1)
        held = list(state_root().glob("*/held.json"))
    assert held, "the neighbour did not come up"
    yield out
    assert finish(process, signal.SIGTERM).code == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """(events, intents) of a run of ITEM that nobody kills."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert gonogo("check", ITEM, "--runtime", "embedded", "--out", out).code == 0
    records = [json.loads(line) for line in (out / "undo.ndjson").read_text().splitlines()]
    return len(list(read_events(out))), sum("kind" in record for record in records)


def assert_nothing_is_left(out: Path, *, complete: bool = False) -> None:
    """`clean` ends with 0, and neither process nor folder nor record of the killed run is there; it can be judged.

    `complete`: the kill came after the last event, and the evidence is that of a whole run.
    """
    recorded = events_of(out)
    run_id = recorded[0].info["run_id"] if recorded else None  # type: ignore[attr-defined]
    healed, cleaned = gonogo("heal"), gonogo("clean")
    assert (healed.code, cleaned.code) == (0, 0), healed.err + cleaned.err
    if run_id is not None:
        assert leftovers(run_id, scratch_root() / run_id) == []
        assert not (state_root() / run_id).exists()
        judged = gonogo("judge", out)
        assert judged.code == (0 if complete else 4), judged.err
        assert judged.out.startswith("PARTIAL" if complete else "HOLD")


def is_complete(out: Path) -> bool:
    """Whether the kill came after the last event, while the reports were written or the process ended."""
    return any(isinstance(one, RunFinished) for one in events_of(out))


def events_of(out: Path) -> list[Event]:
    """What a run had recorded when it was killed; nothing yet, perhaps."""
    return [one.event for one in read_events(out)] if (out / "events.ndjson").exists() else []


def killed(out: Path, failpoint: str) -> None:
    done = gonogo("check", ITEM, "--runtime", "embedded", "--out", out, environment={"GONOGO_FAILPOINT": failpoint})
    assert done.code == -signal.SIGKILL, done.err


def test_a_kill_after_every_event_leaves_nothing(whole: tuple[int, int], neighbour: Path, tmp_path: Path) -> None:
    events, _ = whole
    for number in range(1, events + 1):
        killed(tmp_path / str(number), f"event:{number}")
        assert len(list(read_events(tmp_path / str(number)))) == number
        assert_nothing_is_left(tmp_path / str(number), complete=number == events)


def test_a_kill_after_an_intent_leaves_nothing(whole: tuple[int, int], neighbour: Path, tmp_path: Path) -> None:
    _, intents = whole
    for number in range(1, intents + 1, INTENT_STEP):
        killed(tmp_path / str(number), f"intent:{number}")
        assert_nothing_is_left(tmp_path / str(number))


def test_a_kill_at_a_random_moment_leaves_nothing(neighbour: Path, tmp_path: Path) -> None:
    moments = random.Random(20_261_124)
    for number in range(RANDOM_KILLS):
        out = tmp_path / str(number)
        process = start("check", ITEM, "--runtime", "embedded", "--out", out)
        time.sleep(moments.uniform(0.3, 4.0))
        assert finish(process, signal.SIGKILL).code in {-signal.SIGKILL, 0}
        if process.returncode:
            assert_nothing_is_left(out, complete=is_complete(out))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_an_interrupted_run_ends_cleanly_and_still_reports(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start("check", "--runtime", "embedded", "--out", out)
    while not (out / "plan.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    ended = finish(process, number)
    record = run_json(out)
    assert (ended.code, record["verdict"], record["interrupted"]) == (3, "HOLD", number.name)
    assert (out / "report.html").stat().st_size > 10_000
    assert leftovers(record["run_id"], scratch_root() / record["run_id"]) == []
