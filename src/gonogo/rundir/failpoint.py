"""Killing this process at a chosen boundary, so that tests can show what a kill -9 there leaves behind."""

from __future__ import annotations

import os
import signal

VARIABLE = "GONOGO_FAILPOINT"  # `event:12` or `intent:3`: SIGKILL ourselves right after the 12th event, the 3rd intent


def failpoint(kind: str, number: int) -> None:
    """Die here, as from kill -9, when the environment names this boundary."""
    if os.environ.get(VARIABLE) == f"{kind}:{number}":
        os.kill(os.getpid(), signal.SIGKILL)
