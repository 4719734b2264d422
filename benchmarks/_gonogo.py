"""Running gonogo as users do: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str
    seconds: float


def command(*arguments: str | Path) -> list[str]:
    """The words that run gonogo with this Python."""
    return [sys.executable, "-m", "gonogo", *map(str, arguments)]


def gonogo(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run to the end."""
    began = time.monotonic()
    with starting(*arguments, environment=environment) as process:
        out, err = process.communicate(timeout=LONGEST_SECONDS)
    return Ended(code=process.returncode, out=out, err=err, seconds=time.monotonic() - began)


def _as_installed() -> dict[str, str]:
    """The environment, but Python keeps what it has compiled, as on a user's machine: else each start compiles all."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def starting(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start, in a folder, and go on. On exit, also by Ctrl-C, it was asked to end and is gone."""
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**_as_installed(), **(environment or {})}, cwd=folder,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=LONGEST_SECONDS)


def run_json(directory: Path) -> dict[str, Any]:
    """run.json of a run directory; empty where the run left none."""
    path = directory / "run.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return record
