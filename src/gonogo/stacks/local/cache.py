"""The user's cache folder."""

from __future__ import annotations

import os
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


def _place() -> Path:
    given = os.environ.get(CACHE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo"
