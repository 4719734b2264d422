"""Starting a stack for people to look at, and ending it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import StackError, UsageError
from gonogo.core.event import RunFinished, StackStarted, StackStopped
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.interruption import interruptible
from gonogo.engine.run import STACK_START_S, Observer, hold, opened, start
from gonogo.rundir.state import HeldRun, held_runs

STOP_SECONDS = 60.0
POLL_SECONDS = 0.05


def up(options: RunOptions, observer: Observer) -> None:
    """Start a stack and keep it up until SIGINT, SIGTERM or `down`. Raises UsageError, StackError, Interrupted."""
    inputs = read_inputs(options)
    interruption = Interruption()
    with interruptible(interruption), opened(inputs, observer) as (directory, services):
        began = time.monotonic()
        stack = start(inputs, services, Deadline.after(STACK_START_S, interruption))
        seconds = round(time.monotonic() - began, 3)
        directory.append(StackStarted(stack=stack.name, runtime=stack.runtime, seconds=seconds))
        try:
            hold(stack, services, interruption)
        finally:
            stopping = time.monotonic()
            stack.close()
            directory.append(StackStopped(seconds=round(time.monotonic() - stopping, 3)))
        directory.append(RunFinished(wall_s=round(time.monotonic() - began, 3), overhead_s=0.0))


def down(run_ids: Sequence[str] = ()) -> list[str]:
    """End the stacks that are only kept up (all, or those named); returns the runs ended.

    Raises UsageError for a run that keeps none up, StackError for one that does not end.
    """
    there = {run.run_id: run for run in held_runs()}
    unknown = [one for one in run_ids if one not in there]
    if unknown:
        raise UsageError(f"no stack is kept up by {', '.join(unknown)} (kept up: {', '.join(there) or 'none'})")
    chosen = [there[one] for one in run_ids] if run_ids else list(there.values())
    for run in chosen:
        _end(run)
    return [run.run_id for run in chosen]


def _end(run: HeldRun) -> None:
    os.kill(run.pid, signal.SIGTERM)
    limit = Deadline.after(STOP_SECONDS)
    while any(one.run_id == run.run_id for one in held_runs()):
        if limit.expired:
            raise StackError(f"run {run.run_id} (pid {run.pid}) did not end within {STOP_SECONDS:.0f} s")
        limit.sleep(POLL_SECONDS)
