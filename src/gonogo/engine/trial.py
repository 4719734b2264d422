"""Trying the contract of a stack: it is started or attached to, and what does not fit is said."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import MissingCapability, StackError
from gonogo.core.outcome import Capability
from gonogo.engine.fitting import Fit, Trial
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.interruption import interruptible
from gonogo.engine.run import STACK_START_S, Observer, opened, start
from gonogo.engine.trying import Trying
from gonogo.stacks.contract import Application, application_of, questions_of
from gonogo.stacks.interfaces import Stack

__all__ = ["Fit", "Trial", "fits", "trials", "try_contract", "try_stack"]
Look = Callable[[Stack, Callable[[str], str]], None]
TRIAL_SECONDS = 300.0  # of all requests together


def try_stack(options: RunOptions, observer: Observer, look: Look | None = None) -> list[Trial]:
    """Start (or attach to) a stack and try its contract. Raises UsageError, Interrupted.

    `look` is shown the stack while it runs, and what masks the run's secrets.
    """
    interruption = Interruption()
    with tempfile.TemporaryDirectory(prefix="gonogo-doctor-") as folder:
        inputs = read_inputs(replace(options, out=Path(folder) / "run"))
        with interruptible(interruption), opened(inputs, observer) as (directory, services):
            mask = directory.redactor.text
            try:
                stack = start(inputs, services, Deadline.after(STACK_START_S, interruption))
            except StackError as error:
                remedy = "see to its command, environment and roles in the stack file"
                return [Trial(what="stack", fit=Fit.DIFFERS, found=mask(str(error)), remedy=remedy)]
            try:
                tried = []
                for one in trials(stack):
                    tried.append(one)
                    interruption.check()
                if look is not None:
                    look(stack, mask)
            finally:
                stack.close()
    return [replace(one, found=mask(one.found), remedy=mask(one.remedy)) for one in tried]


def fits(tried: list[Trial]) -> bool:
    """Whether something was tried and all of it fits."""
    outcomes = [one.fit for one in tried]
    return Fit.FITS in outcomes and not {Fit.DIFFERS, Fit.UNPROVEN} & set(outcomes)


def trials(stack: Stack) -> Iterator[Trial]:
    """Everything that can be tried on a running stack; nothing is written to one that is only read."""
    declared = {Capability.SQL: stack.spec.data.service, Capability.APPLICATION: stack.spec.contract.service}
    for capability, what in ((Capability.SQL, "database"), (Capability.APPLICATION, "application")):
        if (reason := stack.missing.get(capability)) and declared[capability] in stack.spec.services:
            yield Trial(what=what, fit=Fit.DIFFERS, found=reason, remedy="see to its address in the stack file")
    try:
        application = application_of(stack)
    except MissingCapability as error:
        yield Trial(
            what="contract", fit=Fit.DIFFERS, found=str(error), remedy="name the application in contract.service"
        )
        return
    if Capability.APPLICATION in stack.missing:
        return
    with application:
        yield from try_contract(application, _questions(stack), writes=Capability.WRITE in stack.capabilities)


def _questions(stack: Stack) -> dict[str, str]:
    """A question for each tenant, from the corpus where there is one."""
    try:
        return {one.tenant: one.question for one in reversed(questions_of(stack))}
    except MissingCapability:
        return {}


def try_contract(
    application: Application, questions: Mapping[str, str], *, writes: bool = False, deadline: Deadline | None = None
) -> Iterator[Trial]:
    """Every request of a contract. `questions`: one for each tenant that has one.

    Where it may be written to, a document is stored, looked for, asked about and deleted for each tenant; else what
    writes is only looked at.
    """
    limit = deadline or Deadline.after(TRIAL_SECONDS)
    yield from Trying(application=application, questions=questions, writes=writes, deadline=limit).trials()
