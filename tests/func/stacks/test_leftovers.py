"""What a killed run left is found also where it hides the mark of its run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gonogo.stacks.cleanup import kill_marked, leftovers


def test_a_server_that_overwrote_its_environment_is_found_by_where_its_output_goes(tmp_path: Path) -> None:
    scratch = tmp_path / "20260101-000000-abcdef"
    scratch.mkdir()
    with (scratch / "cache.log").open("wb") as log:
        hidden = subprocess.Popen(["sleep", "60"], env={}, stdout=log, cwd="/")
    stranger = subprocess.Popen(["sleep", "60"], env={}, stdout=subprocess.DEVNULL, cwd="/")
    try:
        assert leftovers("20260101-000000-abcdef", scratch)[0] == f"process {hidden.pid} (sleep 60)"
        (scratch / "cache.log").unlink()
        assert kill_marked("20260101-000000-abcdef", scratch) == (hidden.pid,)
        assert stranger.poll() is None
    finally:
        for one in (hidden, stranger):
            one.kill()
            one.wait()
