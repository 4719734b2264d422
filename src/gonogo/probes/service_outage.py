"""What clients see while a service that the application depends on is away, and whether everything comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._steps import absent
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.contract import Answer, Application, application_of
from gonogo.stacks.exchange import OVERLOADED
from gonogo.stacks.interfaces import HttpService

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

QUESTION = "What is known about this?"
POLL_SECONDS = 0.1
STOP_SECONDS = 5.0
START_SECONDS = 60.0
TEXT_SHOWN = 400


class ServiceOutageParameters(Spec):
    """`service` is stopped. `patience`: how long health may take to say so, `recovery` how long to be well again.

    `needing` are requests of the contract that cannot do without it, `independent` those that can. `timeout` is how
    long each of them is waited for.
    """

    service: str
    needing: tuple[str, ...] = ("search", "chat", "ingest")
    independent: tuple[str, ...] = ("document",)
    patience: Seconds = 10.0
    recovery: Seconds = 20.0
    timeout: Seconds = 10.0


class ServiceOutageProbe:
    """A probe that breaks: the service is stopped and started again, whatever happens in between."""

    parameters = ServiceOutageParameters
    needs = frozenset({Capability.APPLICATION, Capability.RESTART_APPLICATION, Capability.WRITE})

    def observe(self, context: Context, parameters: ServiceOutageParameters) -> Iterator[Observation]:
        """Of health, of the requests that need the service and of those that do not."""
        service = _service(context, parameters.service)
        with application_of(context.stack) as application:
            tenant = next(iter(application.contract.tenants), None)
            values = _stored(context, application, tenant)
            try:
                with _away(context, service):
                    yield from _of_health(context, application, parameters.patience)
                    yield from _of_requests(context, application, tenant, parameters, values)
                yield from _afterwards(context, application, tenant, parameters, values)
            finally:
                if application.declares("delete"):
                    application.delete(tenant, values["id"])


PROBE = ServiceOutageProbe()


def _service(context: Context, name: str) -> HttpService:
    service = context.stack.services.get(name)
    if not isinstance(service, HttpService):
        raise MissingCapability(f"the stack runs no service {name!r} that could be stopped")
    return service


def _stored(context: Context, application: Application, tenant: str | None) -> dict[str, Any]:
    """Store a document, and see that all is well: else nothing can be said of an outage. Raises NotMeasurable."""
    token = f"gonogo-{context.run.run_id}-outage"
    values = {"id": token, "title": f"About {token}", "text": f"{token} was stored before the outage."}
    answer = application.ingest(tenant, values["id"], values["title"], values["text"])
    if not answer.ok:
        raise NotMeasurable(f"{answer.request} answered {answer.outcome} before anything was taken away")
    ready = application.ready()
    if not ready.ok:
        raise NotMeasurable(f"{ready.request} answered {ready.outcome} before anything was taken away")
    return {**values, "id": application.stored_id(answer, token)}


@contextmanager
def _away(context: Context, service: HttpService) -> Iterator[None]:
    """Stopped until the block ends."""
    record = context.run.intend("stopped_service", {"service": service.name})
    service.stop(STOP_SECONDS)
    try:
        if service.is_running():
            raise NotMeasurable(f"{service.name} runs on although it was stopped")
        yield
    finally:
        service.restart(Deadline.after(START_SECONDS))
        context.run.undone(record)


def _of_health(context: Context, application: Application, patience: float) -> Iterator[Observation]:
    """When it says so, and in which words. Where it never does, the time is how long it was waited for."""
    began, answer = time.monotonic(), application.ready()
    while answer.ok and time.monotonic() - began < patience:
        context.deadline.sleep(POLL_SECONDS)
        answer = application.ready()
    seconds = time.monotonic() - began
    detail = f"still {answer.outcome}" if answer.ok else f"{answer.outcome}: {answer.text[:TEXT_SHOWN]}"
    yield Observation(
        name="health_red_after", value=patience if answer.ok else seconds, low=patience if answer.ok else None,
        unit="s", n=1, load_sensitive=not answer.ok, detail=detail,
    )  # fmt: skip
    said = "" if answer.ok else answer.text[:TEXT_SHOWN]
    yield Observation(name="health_says", value=said, n=1, load_sensitive=answer.status is None)


def _of_requests(
    context: Context, application: Application, tenant: str | None, parameters: ServiceOutageParameters,
    values: Mapping[str, Any],
) -> Iterator[Observation]:  # fmt: skip
    """How each request ends: status 0 where it was given up without an answer."""
    for kind, names in (("needing", parameters.needing), ("independent", parameters.independent)):
        if not any(application.declares(name) for name in names):
            raise MissingCapability(f"the contract declares none of {', '.join(names)}")
        for name in names:
            if not application.declares(name):
                yield from _not_asked(application, name, f"{kind}_status", f"{kind}_seconds")
                continue
            context.deadline.check(f"the request {name}")
            answer = _asked(application, name, tenant, parameters.timeout, values)
            yield Observation(
                name=f"{kind}_status", subject=name, value=answer.code, n=1, load_sensitive=answer.code in OVERLOADED,
                detail=answer.error,
            )  # fmt: skip
            yield Observation(
                name=f"{kind}_seconds", subject=name, value=answer.seconds, unit="s", n=1, load_sensitive=True
            )


def _asked(
    application: Application, name: str, tenant: str | None, seconds: float, values: Mapping[str, Any]
) -> Answer:
    """A document that is stored while something is away replaces the one from before: nothing else is left behind."""
    answer = application.call(
        name,
        tenant=tenant,
        timeout_seconds=seconds,
        query=QUESTION,
        message=QUESTION,
        session=values["id"],
        k=5,
        **values,
    )
    if answer.rate_limited:
        raise NotMeasurable(f"{answer.request} refused gonogo's own traffic with 429")
    return answer


def _afterwards(
    context: Context, application: Application, tenant: str | None, parameters: ServiceOutageParameters,
    values: Mapping[str, Any],
) -> Iterator[Observation]:  # fmt: skip
    """When health is green again, and whether the requests succeed again."""
    began, green = time.monotonic(), True
    limit = Deadline.after(parameters.recovery, context.deadline.interruption)
    try:
        limit.poll(lambda: application.ready().ok, every_seconds=POLL_SECONDS, what="health is green again")
    except DeadlineExceeded as error:
        context.deadline.check(str(error))
        green = False
    seconds = time.monotonic() - began
    yield Observation(
        name="health_green_after", value=seconds, low=None if green else seconds, unit="s", n=1, load_sensitive=True,
        detail="" if green else f"still {application.ready().outcome}",
    )  # fmt: skip
    for name in parameters.needing:
        if not application.declares(name):
            yield from _not_asked(application, name, "status_afterwards")
            continue
        answer = _asked(application, name, tenant, parameters.timeout, values)
        yield Observation(
            name="status_afterwards", subject=name, value=answer.code, n=1, load_sensitive=answer.code in OVERLOADED
        )


def _not_asked(application: Application, name: str, *observations: str) -> Iterator[Observation]:
    """One of several requests that the contract does not name: the others do not answer for it."""
    has_none, reason = absent(application.contract, name)
    for one in observations:
        yield Observation(name=one, subject=name, value=None, n=0, not_applicable=has_none, detail=reason)
