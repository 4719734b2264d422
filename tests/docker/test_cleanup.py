"""What is left in Docker when gonogo ends, is interrupted, or is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.docker_kills import killed

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import leftovers
from gonogo.stacks.local.processes import all_processes, marked, read_process
from gonogo.stacks.undo.docker import UNDO

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
GONOGO = [sys.executable, "-m", "gonogo"]


@dataclass(frozen=True, kw_only=True)
class Starting:
    """`gonogo up` on Docker, on its way."""

    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    run_id: str


@pytest.fixture
def starting(engine: DockerClient, tmp_path: Path) -> Iterator[Starting]:
    """A gonogo that has begun to make things in Docker, with a state folder of its own; ended after the test."""
    with started(tmp_path) as found:
        yield found


@pytest.fixture
def starting_small(engine: DockerClient, tmp_path: Path) -> Iterator[Starting]:
    """The same with a stack that has started soon."""
    with started(tmp_path, "--stack", str(small_stack(tmp_path))) as found:
        yield found


@contextmanager
def started(tmp_path: Path, *options: str) -> Iterator[Starting]:
    """`gonogo up` with a state folder of its own."""
    environment = {**os.environ, "GONOGO_STATE": str(tmp_path / "state")}
    output = tmp_path / "output"
    command = [*GONOGO, "up", "--runtime", "docker", *options]
    with (
        output.open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield Starting(process=process, environment=environment, run_id=_recorded(tmp_path, process, output))
        finally:
            process.kill()


def _recorded(folder: Path, process: subprocess.Popen[bytes], output: Path) -> str:
    """The id of the run, once it has recorded that it will make things in Docker."""
    found: list[str] = []

    def recorded() -> bool:
        assert process.poll() is None, output.read_text()
        journals = (folder / "state" / "runs").glob("2*/undo.ndjson")
        found.extend(one.parent.name for one in journals if '"docker"' in one.read_text())
        return bool(found)

    Deadline.after(60).poll(recorded, every_seconds=0.05, what="the run has recorded its intent")
    return found[0]


def await_containers(engine: DockerClient, run_id: str, count: int) -> None:
    """Wait until a run has several containers."""

    def there() -> bool:
        return sum(one.startswith("container") for one in leftovers(engine, run_id)) >= count

    Deadline.after(120).poll(there, every_seconds=0.1, what=f"{count} containers are there")


def test_clean_removes_everything_of_a_killed_run(engine: DockerClient, starting: Starting) -> None:
    await_containers(engine, starting.run_id, 2)
    starting.process.kill()
    starting.process.wait()
    assert leftovers(engine, starting.run_id)
    clean = [*GONOGO, "clean"]
    done = subprocess.run(clean, env=starting.environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert leftovers(engine, starting.run_id) == []
    UNDO.undo({"run_id": starting.run_id})  # again: nothing is there any more, and that is fine


def test_random_kills_of_a_start_leave_nothing(engine: DockerClient, tmp_path: Path) -> None:
    """A sample: `python -m benchmarks docker_kills --full` does it a hundred times, with the reference stack."""
    stack = small_stack(tmp_path)
    for number, after in enumerate((0.8, random.uniform(1.0, 4.0), random.uniform(1.0, 8.0))):
        one = killed(tmp_path / str(number), after, ["up", "--runtime", "docker", "--stack", str(stack)])
        assert one is not None
        assert one.clean, one.sentence


def small_stack(folder: Path) -> Path:
    """A stack that has started soon."""
    stack = folder / "small.yaml"
    stack.write_text("stack: small\nservices:\n  cache: {kind: redis, container: {volumes: {more: /more}}}\n")
    return stack


def test_without_clean_the_watchdog_removes_what_a_killed_run_left(
    engine: DockerClient, starting_small: Starting, tmp_path: Path
) -> None:
    run_id = starting_small.run_id
    await_containers(engine, run_id, 1)
    await_text(tmp_path, "cache.log", "Ready to accept connections")
    (watchdog,) = marked(run_id, all_processes())
    starting_small.process.kill()
    starting_small.process.wait()
    assert {one.split()[0] for one in leftovers(engine, run_id)} == {"container", "network", "volume"}
    Deadline.after(90).poll(lambda: not leftovers(engine, run_id), every_seconds=0.5, what="everything is gone")
    Deadline.after(30).poll(lambda: not read_process(watchdog), every_seconds=0.1, what="the watchdog is gone")
    clean = subprocess.run(
        [*GONOGO, "clean"], env=starting_small.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert clean.returncode == 0, clean.stderr
    await_text(tmp_path, "cache.log", "Ready to accept connections")  # what it wrote outlives all of it


def test_the_watchdog_goes_with_a_run_that_ends(engine: DockerClient, starting_small: Starting) -> None:
    await_containers(engine, starting_small.run_id, 1)
    assert len(marked(starting_small.run_id, all_processes())) == 1
    starting_small.process.terminate()
    starting_small.process.wait(timeout=120)
    assert leftovers(engine, starting_small.run_id) == []
    assert marked(starting_small.run_id, all_processes()) == set()


def await_text(folder: Path, name: str, text: str) -> None:
    """Wait until a log in the run directory has it."""

    def there() -> bool:
        return any(text in log.read_text() for log in folder.glob(f"reports/runs/*/artifacts/logs/{name}"))

    Deadline.after(60).poll(there, every_seconds=0.1, what=f"{name} says {text}")


def test_an_interrupted_start_leaves_nothing(engine: DockerClient, starting: Starting) -> None:
    await_containers(engine, starting.run_id, 1)
    starting.process.terminate()
    starting.process.wait(timeout=120)
    assert leftovers(engine, starting.run_id) == []


def test_without_an_engine_the_record_cannot_be_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    began = time.monotonic()
    with pytest.raises(StackError, match="no Docker engine answers"):
        UNDO.undo({"run_id": "20260101-000000-000000"})
    assert time.monotonic() - began < 30
