"""What clients see while the language model is down or hangs, and whether the service comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._steps import absent
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.contract import Answer, Application, ChatAnswer, application_of
from gonogo.stacks.exchange import OVERLOADED

if TYPE_CHECKING:
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import Stack

CONTROL = "/_control"
MESSAGE = "What is known about this?"
PAUSE_SECONDS = 0.05
LANDING_SECONDS = 5.0


class ModelOutageParameters(Spec):
    """`way`: `outage` cuts the model's connections, `hang` accepts requests and never answers them.

    `patience` is how long a chat is waited for while the model is away, `recovery` how long afterwards;
    `watch` is how long searches and health are asked for while a chat waits for a hanging model.
    """

    way: Literal["outage", "hang"]
    patience: Seconds = 30.0
    recovery: Seconds = 10.0
    watch: Seconds = 1.5


class ModelOutageProbe:
    """Takes the model away under one chat. One chat is one failure: no circuit breaker opens on it."""

    parameters = ModelOutageParameters
    needs = frozenset({Capability.APPLICATION, Capability.LLM_CONTROL})

    def undeclared(self, parameters: ModelOutageParameters, contract: ContractSpec) -> tuple[str, ...]:  # noqa: ARG002 - as others
        """A chat, and the search beside it."""
        return tuple(name for name in ("chat", "search") if getattr(contract, name) is None)

    def observe(self, context: Context, parameters: ModelOutageParameters) -> Iterator[Observation]:
        """Of the chat and of what goes on beside it, while the model is away and after it is back."""
        stack = context.stack
        with application_of(stack) as application, ThreadPoolExecutor(3, thread_name_prefix="client") as pool:
            tenant = _tenant(application)
            session = f"gonogo-{context.run.run_id}-{time.monotonic_ns()}"
            _insist_on_chat(application, tenant, session)
            with _model_away(context, parameters.way) as control:
                began = time.monotonic()
                waiting = pool.submit(application.chat, tenant, session, MESSAGE, timeout_seconds=parameters.patience)
                context.deadline.within(LANDING_SECONDS).poll(
                    lambda: _calls(control) > 0, every_seconds=PAUSE_SECONDS, what="the chat reaches the model"
                )
                yield from _beside(context, application, pool, waiting, parameters)
                chat = waiting.result()
                yield from _of_chat(chat.answer, began)
                yield Observation(name="model_calls", value=_calls(control), unit="count", n=1)
            yield from _afterwards(context, application, tenant, session, parameters.recovery)


def _tenant(application: Application) -> str | None:
    return next(iter(application.contract.tenants), None)


def _insist_on_chat(application: Application, tenant: str | None, session: str) -> None:
    """Without a chat that works before, nothing can be said of one that fails. Raises NotMeasurable."""
    before = application.chat(tenant, session, MESSAGE).answer
    if not before.ok:
        raise NotMeasurable(f"chat answered {before.outcome} before the model was taken away")


@contextmanager
def _model_away(context: Context, way: str) -> Iterator[Application]:
    """Misbehave until the block ends, whatever happens in it. The stub ends with the run, so healing cannot be lost."""
    stack = context.stack
    control = _control_of(stack)
    record = context.run.intend("llm_stub", {"url": control.base_url, "way": way})
    try:
        _order(control, {"reset": True, way: True})
        yield control
    finally:
        _order(control, {"reset": True})
        control.close()
        context.run.undone(record)


def _control_of(stack: Stack) -> Application:
    return Application(stack.llm().url, stack.spec.contract, stack.resolve)


def _order(control: Application, behaviour: Mapping[str, Any]) -> None:
    answer = control.send("POST", CONTROL, json=dict(behaviour))
    if not answer.ok:
        raise NotMeasurable(f"the model's stand-in refused to change: {answer.outcome}")


def _calls(control: Application) -> int:
    """How often the model was asked. Raises NotMeasurable: that nobody can say is not that nobody asked."""
    report = control.send("GET", CONTROL)
    if not report.ok:
        raise NotMeasurable(f"the model's stand-in does not say how often it was asked: {report.outcome}")
    return int(report.json()["total"])


def _beside(
    context: Context,
    application: Application,
    pool: ThreadPoolExecutor,
    waiting: Future[ChatAnswer],
    parameters: ModelOutageParameters,
) -> Iterator[Observation]:
    """Search and liveness while the model is away, both at once, so that neither waits behind the other.

    One round at least; more while a hanging chat still waits.
    """
    until = context.deadline.within(parameters.watch)
    tenant, patience = _tenant(application), parameters.patience
    searches: list[Answer] = []
    lives: list[Answer] = []
    while not searches or not (waiting.done() or until.expired):
        live = pool.submit(application.live) if application.declares("live") else None
        searches.append(application.search(tenant, MESSAGE, 5, timeout_seconds=patience).answer)
        lives.extend([live.result()] if live else [])
        context.deadline.sleep(PAUSE_SECONDS)
    yield from _worst("search", searches)
    if lives:
        yield from _worst("live", lives)
        return
    has_none, reason = absent(application.contract, "live")
    for name in ("live_status", "live_seconds"):
        yield Observation(name=name, value=None, n=0, not_applicable=has_none, detail=reason)


def _worst(name: str, answers: list[Answer]) -> Iterator[Observation]:
    refused = [answer for answer in answers if answer.rate_limited]
    if refused:
        raise NotMeasurable(f"{refused[0].request} refused gonogo's own traffic with 429")
    statuses = [answer.code for answer in answers]
    worst = 0 if 0 in statuses else max(statuses)
    slowest = max(answer.seconds for answer in answers)
    yield Observation(name=f"{name}_status", value=worst, n=len(answers), load_sensitive=worst in OVERLOADED)
    yield Observation(name=f"{name}_seconds", value=slowest, unit="s", n=len(answers), load_sensitive=True)


def _of_chat(answer: Answer, began: float) -> Iterator[Observation]:
    """How the chat ended: status 0 where it was given up without an answer."""
    if answer.rate_limited:
        raise NotMeasurable("chat refused gonogo's own traffic with 429")
    seconds = time.monotonic() - began if answer.status is None else answer.seconds
    yield Observation(name="chat_seconds", value=seconds, unit="s", n=1, load_sensitive=True)
    if answer.failed:
        detail = f"chat answered {answer.outcome}: a refusal inside a stream has no status and no headers of its own"
        for name in ("chat_status", "retry_after", "error_type"):
            yield Observation(name=name, value=None, n=0, detail=detail)
        return
    silent = answer.code == 0
    detail = answer.outcome if silent else ""
    yield Observation(name="chat_status", value=answer.code, n=1, load_sensitive=silent, detail=detail)
    after = answer.headers.get("retry-after", "")
    yield Observation(name="retry_after", value=after, n=1, load_sensitive=silent)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    yield Observation(name="error_type", value=kind, n=1, load_sensitive=silent, detail=answer.text[:200])


def _afterwards(
    context: Context, application: Application, tenant: str | None, session: str, limit_seconds: float
) -> Iterator[Observation]:
    """Whether chat answers again, and how long after the model came back."""
    healed = time.monotonic()
    answers: list[Answer] = []

    def answered() -> bool:
        answers.append(application.chat(tenant, session, MESSAGE, timeout_seconds=limit_seconds).answer)
        return answers[-1].ok

    try:
        limit = Deadline.after(limit_seconds, context.deadline.interruption)
        seconds = limit.poll(answered, every_seconds=0.25, what="chat answers again") - healed
    except DeadlineExceeded:
        seconds = time.monotonic() - healed
    last = answers[-1].code
    hurried = last in OVERLOADED
    yield Observation(name="chat_status_afterwards", value=last, n=len(answers), load_sensitive=hurried)
    yield Observation(name="recovery_seconds", value=seconds, unit="s", n=len(answers), load_sensitive=True)


PROBE = ModelOutageProbe()
