"""PostgreSQL's client tools, run with a deadline."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import GonogoError
from gonogo.stacks.interfaces import ToolResult
from gonogo.stacks.local.processes import MARK, kill_tree
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import minimal_environment

POLL_SECONDS = 0.002
TAIL_BYTES = 64 * 1024


def run_tool(
    site: Site, command: Sequence[str], connection: Mapping[str, str], *, deadline: Deadline, stdout: Path | None
) -> ToolResult:
    """Run a tool to its end; its mark and the run's own record are enough to find it again."""
    with tempfile.TemporaryDirectory(dir=site.scratch, prefix="tool-") as folder:
        out, err = stdout or Path(folder, "stdout"), Path(folder, "stderr")
        started = time.monotonic()
        process = site.spawner.spawn(
            command,
            environment={**minimal_environment(), **connection, MARK: site.run.run_id},
            folder=Path.cwd(),
            stdout=out,
            stderr=err,
        )
        try:
            ended = deadline.poll(
                lambda: process.poll() is not None, every_seconds=POLL_SECONDS, what=f"{Path(command[0]).name} runs"
            )
        except GonogoError:
            kill_tree(process.pid)
            process.wait()
            raise
        return ToolResult(
            exit_code=process.returncode,
            stdout="" if stdout else out.read_text(errors="replace"),
            stderr=err.read_text(errors="replace"),
            seconds=ended - started,
        )


def end_of(path: Path) -> str:
    """The last 64 KiB of a log file, "" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
