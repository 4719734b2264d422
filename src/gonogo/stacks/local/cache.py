"""The user's cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

CACHE = "GONOGO_CACHE"


def cache_folder() -> Path:
    """GONOGO_CACHE, else gonogo's folder in the XDG cache. Made when missing."""
    base = _place()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return base


def memory_file() -> Path | None:
    """Where listing and planning remember what they worked out; nothing is made. None for a user without a home."""
    try:
        return _place() / "memory"
    except RuntimeError:
        return None


def make_once(target: Path, make: Callable[[Path], None]) -> None:
    """Have `make` fill a folder that is to become `target`, all or nothing: others may want the same at this moment."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        fresh = target.with_name(f".{target.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            make(fresh)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _place() -> Path:
    given = os.environ.get(CACHE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo"
