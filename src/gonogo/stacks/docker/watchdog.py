"""A small process beside a run: it removes what the run made in Docker when the run is killed, and when it hangs.

`python -m gonogo.stacks.docker.watchdog RUN_ID SECONDS`, its standard input a pipe whose other end the run alone holds.
Everything but the standard library is imported when there is something to do.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import suppress

from gonogo.core.errors import GonogoError

DONE = b"."
LONGEST_SECONDS = 26 * 3600.0  # a stack may be kept up for a day
GRACE_SECONDS = 5.0  # `gonogo clean`, called at once, is quicker and says what it does
TRIES_SECONDS = 600.0  # for an engine that is restarted meanwhile
RETRY_SECONDS = 10.0
END_SECONDS = 5.0


class Watchdog:
    """The watchdog of one run, as the run sees it."""

    def __init__(self, run_id: str, *, seconds: float = LONGEST_SECONDS) -> None:
        from gonogo.stacks.local.processes import MARK  # noqa: PLC0415 - see above

        # A session of its own: Ctrl-C and the end of a terminal are not for it. Its mark lets `clean` end it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, run_id, str(seconds)], env={**os.environ, MARK: run_id}, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def dismiss(self) -> None:
        """Nothing of the run is left: it may go. Safe to call twice."""
        with suppress(OSError, ValueError):
            self._process.communicate(DONE, timeout=END_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def main(run_id: str, seconds: float) -> int:
    """Wait for the run's end; 0 when nothing of it is left, 1 when it could not be removed."""
    if _ended_well(seconds):
        return 0
    time.sleep(GRACE_SECONDS)
    limit = time.monotonic() + TRIES_SECONDS
    while not _removed(run_id):
        if time.monotonic() > limit:
            return 1
        time.sleep(RETRY_SECONDS)
    return 0


def _ended_well(seconds: float) -> bool:
    """Whether the run said that nothing is left. It says nothing when it is killed, nor when its time is over."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], seconds)
    return bool(readable) and os.read(sys.stdin.fileno(), 1) == DONE


def _removed(run_id: str) -> bool:
    from gonogo.stacks.undo.docker import UNDO  # noqa: PLC0415 - the SDK is not loaded where nothing is to be done

    try:
        UNDO.undo({"run_id": run_id})
    except GonogoError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
