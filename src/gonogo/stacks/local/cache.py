"""The user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = "GONOGO_CACHE"


def cache_folder() -> Path:
    """GONOGO_CACHE, else gonogo's folder in the XDG cache. Made when missing."""
    given = os.environ.get(CACHE)
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return base
