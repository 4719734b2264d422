"""One stack file, two runtimes, the same findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
SKIPPED = "SKIPPED"
BUSY = "others kept"  # a slow result on a busy host proves nothing, on either runtime


def checked(runtime: str, out: Path) -> dict[str, Any]:
    """run.json of `gonogo check`."""
    command = [sys.executable, "-m", "gonogo", "check", "--runtime", runtime, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert (out / "run.json").is_file(), done.stderr
    loaded: dict[str, Any] = json.loads((out / "run.json").read_text())
    return loaded


@pytest.mark.timeout(600)
def test_checks_find_the_same_on_docker_as_on_embedded(engine: DockerClient, tmp_path: Path) -> None:
    runs = {runtime: checked(runtime, tmp_path / runtime) for runtime in ("docker", "embedded")}
    outcomes = {
        runtime: {one["id"]: one["outcome"] for one in run["findings"] if one["kind"] == "check"}
        for runtime, run in runs.items()
    }
    busy = {one["id"] for run in runs.values() for one in run["findings"] if BUSY in (one["reason"] or "")}
    assert outcomes["docker"].keys() == outcomes["embedded"].keys()
    assert len(outcomes["docker"]) >= 30
    skipped = {
        one["id"]: one["reason"] for one in runs["docker"]["findings"] if outcomes["docker"].get(one["id"]) == SKIPPED
    }
    assert {
        id_: reason for id_, reason in skipped.items() if "not applicable" not in reason
    } == {}  # nothing is missing there
    different = {
        one: (outcomes["docker"][one], outcomes["embedded"][one])
        for one in outcomes["docker"].keys() - busy
        if outcomes["docker"][one] != outcomes["embedded"][one]
    }
    assert different == {}
