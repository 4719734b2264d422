"""Choosing a runtime and starting a stack on it."""

from __future__ import annotations

from gonogo.core.errors import StackError, UsageError
from gonogo.spec.stack import StackSpec
from gonogo.stacks.interfaces import Runtime, Stack, StackRequest
from gonogo.stacks.runtimes import RUNTIMES
from gonogo.stacks.turns import set_up

AUTO = "auto"
EMBEDDED, DOCKER = "embedded", "docker"
PREFERRED = (EMBEDDED, DOCKER)  # auto never attaches to something that already runs


def choose_runtime(spec: StackSpec, wanted: str = AUTO) -> Runtime:
    """The runtime asked for, else the stack file's, else the first that works here.

    Raises UsageError for an unknown name, StackError when it cannot be used here.
    """
    name = spec.runtime if wanted == AUTO else wanted
    if spec.compose is not None:
        name = _of_compose(name)
    if name != AUTO:
        runtime = RUNTIMES.load(name)
        if reason := runtime.available():
            raise StackError(f"the {name} runtime cannot be used here: {reason}")
        return runtime
    reasons = []
    for candidate in PREFERRED:
        if candidate in RUNTIMES.names():
            runtime = RUNTIMES.load(candidate)
            reason = runtime.available()
            if reason is None:
                return runtime
            reasons.append(f"{candidate}: {reason}")
    raise StackError("no runtime can be used here: " + "; ".join(reasons))


def _of_compose(name: str) -> str:
    if name == EMBEDDED:
        raise UsageError("a stack file with compose: runs on the docker runtime; for embedded, give each service keys")
    return DOCKER if name == AUTO else name


def start_stack(request: StackRequest, runtime: Runtime) -> Stack:
    """Start (or attach to) the stack. Raises UsageError, StackError, Interrupted; then nothing of it is left."""
    request.run.progress(f"starting stack {request.spec.stack} on the {runtime.name} runtime")
    stack = runtime.start(request)
    try:
        set_up(stack, request.deadline, request.run.progress)
    except BaseException:
        stack.close()
        raise
    return stack
