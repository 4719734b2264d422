"""What is left in Docker when gonogo ends, is interrupted, or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


def kept_up(out: Path) -> tuple[subprocess.Popen[bytes], str]:
    """`gonogo up` on Docker, once it has made something there, and its run's id."""
    process = subprocess.Popen(
        [*GONOGO, "up", "--runtime", "docker", "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    state = Path(os.environ["GONOGO_STATE"]) / "runs"

    def run_id() -> str | None:
        for journal in state.glob("*/undo.ndjson"):
            if '"docker"' in journal.read_text():
                return journal.parent.name
        return None

    Deadline.after(60).poll(lambda: run_id() is not None, every_seconds=0.05, what="the run has recorded its intent")
    found = run_id()
    assert found is not None
    return process, found


def await_containers(engine: DockerClient, run_id: str, count: int) -> None:
    """Wait until a run has several containers."""

    def there() -> bool:
        return sum(one.startswith("container") for one in leftovers(engine, run_id)) >= count

    Deadline.after(120).poll(there, every_seconds=0.1, what=f"{count} containers are there")


def test_clean_removes_everything_of_a_killed_run(engine: DockerClient, out: Path) -> None:
    process, run_id = kept_up(out)
    await_containers(engine, run_id, 2)
    process.kill()
    process.wait()
    assert leftovers(engine, run_id)
    done = subprocess.run([*GONOGO, "clean"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert leftovers(engine, run_id) == []
    UNDO.undo({"run_id": run_id})  # again: nothing is there any more, and that is fine


def test_an_interrupted_start_leaves_nothing(engine: DockerClient, out: Path) -> None:
    process, run_id = kept_up(out)
    await_containers(engine, run_id, 1)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)
    assert leftovers(engine, run_id) == []


def test_without_an_engine_the_record_cannot_be_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    began = time.monotonic()
    with pytest.raises(StackError, match="no Docker engine answers"):
        UNDO.undo({"run_id": "20260101-000000-000000"})
    assert time.monotonic() - began < 30
