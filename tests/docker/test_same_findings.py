"""One stack file, two runtimes, the same findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks._findings import Why, differences

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def checked(runtime: str, out: Path) -> dict[str, Any]:
    """run.json of `gonogo check`."""
    command = [sys.executable, "-m", "gonogo", "check", "--runtime", runtime, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert (out / "run.json").is_file(), done.stderr
    loaded: dict[str, Any] = json.loads((out / "run.json").read_text())
    return loaded


@pytest.mark.timeout(600)
def test_checks_find_the_same_on_docker_as_on_embedded(engine: DockerClient, tmp_path: Path) -> None:
    docker, embedded = (checked(runtime, tmp_path / runtime) for runtime in ("docker", "embedded"))
    assert sum(one["kind"] == "check" and one["outcome"] == "PASS" for one in docker["findings"]) >= 30
    skips = {one["skip"] for one in docker["findings"]}
    assert skips == {None, "not applicable", "deselected"}  # no capability is missing there
    assert [one for one in differences(docker, embedded) if one.why is not Why.CONTENTION] == []
