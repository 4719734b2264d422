"""What this machine has and lacks for gonogo, and what each lack costs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from gonogo.core.errors import GonogoError
from gonogo.core.quantity import format_bytes
from gonogo.rundir.state import scratch_root, state_root
from gonogo.stacks.compose.program import problem as compose_problem
from gonogo.stacks.compose.program import version as compose_version
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.walls import tried_here
from gonogo.stacks.runtimes import RUNTIMES

DISK_NEEDED_BYTES = 2 * 2**30
PYTHONS = "3.11 to 3.13"


class Health(StrEnum):
    """How one line of the diagnosis came out."""

    GOOD = "ok"
    LACKING = "missing"  # something cannot be done without it
    BROKEN = "broken"  # gonogo itself cannot work


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was looked at; `remedy` says what to do where it is not good."""

    health: Health
    what: str
    found: str
    remedy: str = ""


def diagnose() -> Iterator[Line]:
    """Look at this machine, one line at a time; nothing of it stays."""
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Line(
        health=Health.GOOD if good else Health.LACKING, what="python", found=version,
        remedy="" if good else f"tested with {PYTHONS}",
    )  # fmt: skip
    yield from _runtimes()
    yield _compose()
    yield _box()
    yield _module("locust", "load profiles", "load")
    yield _module("fastapi", "the reference service on the embedded runtime", "reference")
    yield _redis()
    for what, folder in (("scratch", scratch_root), ("cache", cache_folder), ("state", state_root)):
        yield _folder(what, folder())


def _runtimes() -> Iterator[Line]:
    for name in RUNTIMES.names():
        try:
            reason = RUNTIMES.load(name).available()
        except GonogoError as error:
            reason = str(error)
        yield Line(
            health=Health.LACKING if reason else Health.GOOD, what=f"{name} runtime", found=reason or "can be used here"
        )


def _compose() -> Line:
    if reason := compose_problem():
        return Line(health=Health.LACKING, what="docker compose", found=reason)
    return Line(
        health=Health.GOOD, what="docker compose", found=f"version {compose_version()}, for stacks with compose:"
    )


def _box() -> Line:
    if reason := tried_here():
        return Line(
            health=Health.LACKING, what="containment", found=f"verify-backup restores only what it trusts: {reason}",
            remedy="allow user namespaces, or say --trust-artefact for backups of your own",
        )  # fmt: skip
    return Line(health=Health.GOOD, what="containment", found="verify-backup restores backups in a box")


def _module(module: str, purpose: str, extra: str) -> Line:
    if find_spec(module):
        return Line(health=Health.GOOD, what=module, found=f"for {purpose}")
    return Line(
        health=Health.LACKING, what=module, found=f"not installed, needed for {purpose}",
        remedy=f"pip install 'gonogo[{extra}]'",
    )  # fmt: skip


def _redis() -> Line:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program:
        return Line(health=Health.GOOD, what="redis", found=program)
    return Line(
        health=Health.LACKING, what="redis", found="no redis-server or valkey-server: embedded stacks run without one",
        remedy="install redis or valkey, or use the docker runtime",
    )  # fmt: skip


def _folder(what: str, folder: Path) -> Line:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Line(
            health=Health.BROKEN, what=f"{what} folder", found=f"{folder}: {error.strerror}",
            remedy=f"set GONOGO_{what.upper()} to a folder of yours",
        )  # fmt: skip
    if not os.access(folder, os.W_OK) or free < DISK_NEEDED_BYTES:
        return Line(
            health=Health.BROKEN, what=f"{what} folder", found=f"{folder}: {format_bytes(free)} free",
            remedy=f"needs to be writable and {format_bytes(DISK_NEEDED_BYTES)} free",
        )  # fmt: skip
    return Line(health=Health.GOOD, what=f"{what} folder", found=f"{folder} ({format_bytes(free)} free)")
