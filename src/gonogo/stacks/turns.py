"""The requests of `setup` and `cleanup`: sent once, before anything else is asked and after everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, NotMeasurable, StackError, UsageError
from gonogo.core.outcome import Capability
from gonogo.spec.contract import EACH, NOBODY, TurnSpec
from gonogo.stacks.contract import Application, application_of
from gonogo.stacks.encoding import prepared, resolved
from gonogo.stacks.exchange import Answer, first
from gonogo.stacks.interfaces import Stack

SETUP_SECONDS = 60.0  # all of it
CLEANUP_SECONDS = 10.0
READING = frozenset({"GET", "HEAD", "OPTIONS"})
SHOWN = 160
Progress = Callable[[str], None]


def set_up(stack: Stack, deadline: Deadline, progress: Progress) -> None:
    """Send the requests of `setup`. Raises StackError where one is not answered as it should be: nothing can be asked.

    What would write is not sent to a stack that is only read; that is said.
    """
    if not (turns := stack.spec.contract.setup):
        return
    limit = deadline.within(SETUP_SECONDS)
    try:
        with application_of(stack) as application:
            for turn in turns:
                for who in _who(turn, application):
                    limit.check(f"setup: {turn.request}")
                    if may_be_sent(turn, stack, progress, "setup"):
                        take(turn, who, application, limit)
    except NotMeasurable as error:
        raise StackError(f"the contract's setup failed: {error}") from error


def clean_up(stack: Stack, progress: Progress) -> None:
    """Send the requests of `cleanup`. What they meet is said, and stops nothing."""
    if not (turns := stack.spec.contract.cleanup):
        return
    limit = Deadline.after(CLEANUP_SECONDS)
    try:
        application = application_of(stack)
    except MissingCapability:
        return
    with application:
        for turn in turns:
            for who in _who(turn, application):
                if limit.expired:
                    progress(f"cleanup: {turn.request} was not sent, {CLEANUP_SECONDS:.0f} s were over")
                    return
                try:
                    if may_be_sent(turn, stack, progress, "cleanup"):
                        take(turn, who, application, limit)
                except (NotMeasurable, UsageError) as error:
                    progress(f"cleanup: {error}")


def may_be_sent(turn: TurnSpec, stack: Stack, progress: Progress, what: str) -> bool:
    """Whether it reads, or the stack may be written to."""
    if turn.reads or turn.method in READING or Capability.WRITE in stack.capabilities:
        return True
    progress(f"{what}: {turn.request} is not sent: it may write, and this stack is only read")
    return False


def take(turn: TurnSpec, who: str | None, application: Application, deadline: Deadline) -> Answer:
    """Send it as somebody and keep what it captures. Raises NotMeasurable that names the request and what is wrong."""
    callers = application.callers
    caller = callers.of(who)
    request = prepared(resolved(turn, application.resolve), caller.variables)
    limit = min(turn.timeout, deadline.remaining_seconds + 0.1)
    answer = application.deliver(request, caller, timeout_seconds=limit)
    if not answer.ok and answer.status not in turn.accept:
        said = " ".join(answer.text.split())[:SHOWN]
        whose = f" as {who}" if who else ""
        raise NotMeasurable(f"{answer.request}{whose} answered {answer.outcome}{f': {said}' if said else ''}")
    for name, path in turn.capture.items():
        callers.keyring.captured[who][name] = first(path, answer.json(), answer.request)
    return answer


def _who(turn: TurnSpec, application: Application) -> Iterator[str | None]:
    if turn.as_ == NOBODY or (turn.as_ == EACH and not application.contract.tenants):
        yield None
    else:
        yield from application.contract.tenants if turn.as_ == EACH else [turn.as_]
