"""What is left in Docker when gonogo ends, is interrupted, or is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import leftovers
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
    environment = {**os.environ, "GONOGO_STATE": str(tmp_path / "state")}
    output = tmp_path / "output"
    with (
        output.open("wb") as log,
        subprocess.Popen(
            [*GONOGO, "up", "--runtime", "docker"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        ) as process,
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
