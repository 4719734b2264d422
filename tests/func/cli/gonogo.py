"""Running the command line as users do: a process of its own, its exit code and its two streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*arguments: str | Path) -> list[str]:
    """The words that run gonogo with this Python."""
    return [sys.executable, "-m", "gonogo", *map(str, arguments)]


def gonogo(
    *arguments: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Ended:
    """Run to the end. What does not end in time says where each of its threads is."""
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **(environment or {})},
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate(timeout=SECONDS)
            pytest.fail(f"it did not end within {seconds:g} s:\n{out}\n{err}")
        except BaseException:
            process.kill()
            raise
    return Ended(code=process.returncode, out=out, err=err)


def start(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start and go on; the caller ends it."""
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip


def finish(process: subprocess.Popen[str], number: signal.Signals | None = None) -> Ended:
    """Send a signal, if any, and wait for the end."""
    if number is not None:
        process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    return Ended(code=process.returncode, out=out, err=err)


def run_json(directory: Path) -> dict[str, Any]:
    """run.json of a run directory."""
    record: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return record
