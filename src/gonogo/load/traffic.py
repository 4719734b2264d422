"""From a load profile and the stack's contract to the traffic that a generator is to make."""

from __future__ import annotations

import math
import random
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.load.leftovers import KEY, STORED
from gonogo.load.wire import PlannedRequest, Traffic
from gonogo.spec.contract import ContractSpec
from gonogo.spec.references import substitute
from gonogo.spec.verification import LoadSpec, TrafficSpec
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Question, application_of, questions_of

WRITES = ("ingest", "chat")
LOAD_TEXT = "Stored by gonogo under load."
QUESTIONS = 40  # more would only make the preparation longer
IN_FLIGHT_AT_LEAST = 64
IN_FLIGHT_MARGIN = 2.0  # a service that answers nothing at all must not run into the limit
FILES_IN_RESERVE = 100


def parameters_of(profile: LoadSpec, changes: Mapping[str, Any] | None = None) -> TrafficSpec:
    """The profile's parameters, with the changes of a seeded defect."""
    changed = TrafficSpec.model_validate(changes or {})
    return profile.with_.model_copy(update={name: getattr(changed, name) for name in changed.model_fields_set})


def asked_questions(context: Context, seed: int) -> tuple[Question, ...]:
    """The questions that a load asks: all, or a seeded choice of many. Raises MissingCapability without a corpus."""
    questions = questions_of(context.stack)
    if not questions:
        raise NotMeasurable("the corpus holds no questions")
    if len(questions) <= QUESTIONS:
        return questions
    return tuple(random.Random(seed).sample(questions, QUESTIONS))  # noqa: S311 - traffic, not cryptography


def planned(
    application: Application, name: str, tenant: str | None, *, key: str, known: str | None = None, **values: Any
) -> PlannedRequest:
    """A request of the contract as a tenant sends it. Raises MissingCapability where the contract has none of it."""
    application.spec(name)
    caller = application.callers.of(tenant)
    request = caller.of(application.prepare(name, caller, values))
    return PlannedRequest(
        name=name,
        key=key,
        method=request.method,
        path=request.path,
        headers=request.headers,
        body=None if request.body is None else request.body.decode(),  # whatever its type, it was made of texts
        known=known,
        who=caller.who if caller.token is not None else None,
        token=caller.token,
    )


def requests_of(
    application: Application, names: Sequence[str], questions: Sequence[Question], k: int
) -> tuple[PlannedRequest, ...]:
    """For every question a request of each name, as its tenant: a search or a chat that asks it, a document to store.

    What is stored has nothing to do with the questions: it must not become their answer.

    Raises MissingCapability where the contract has none.
    """
    made = []
    for name in names:
        for one in questions:
            key = {"search": "", "ingest": KEY}.get(name, f"{name}-") + one.id
            known = None if name == "ingest" else one.document
            values = {
                "query": one.question, "k": k, "message": one.question, "session": f"gonogo-load-{one.id}",
                "id": STORED.format(question=one.id), "title": f"Load {one.id}", "text": f"{LOAD_TEXT} {one.id}",
            }  # fmt: skip
            made.append(planned(application, name, one.tenant, key=key, known=known, **values))
    return tuple(made)


def traffic_of(
    context: Context, profile: LoadSpec, parameters: TrafficSpec, *, seconds: float, samples: Path
) -> Traffic:
    """The traffic of a profile on the running stack; `seconds` with the warm-up. Raises NotMeasurable."""
    gentle = context.stack.runtime == "external" and Capability.WRITE not in context.stack.capabilities
    if gentle and profile.arrivals.rate > context.stack.spec.gentle_load:
        raise MissingCapability(f"what is only read gets {context.stack.spec.gentle_load:g} requests a second at most")
    names = list(parameters.requests)
    _refuse_writing(names, context)
    if "ingest" in names and context.stack.spec.contract.delete is None:
        raise MissingCapability(
            "the contract declares no delete request: what a load stores could not be removed again"
        )
    with application_of(context.stack) as application:
        questions = asked_questions(context, parameters.seed)
        requests = requests_of(application, names, questions, parameters.k)
        base_url, contract = application.base_url, application.contract
        captured = {who: values for who, values in application.callers.keyring.captured.items() if who is not None}
    return Traffic(
        base_url=base_url,
        requests=requests,
        rate=profile.arrivals.rate,
        spacing=profile.arrivals.spacing,
        seconds=seconds,
        seed=parameters.seed,
        timeout_seconds=parameters.timeout,
        in_flight_limit=in_flight_limit(profile.arrivals.rate, parameters.timeout),
        samples=str(samples),
        reads={name: application.spec(name).model_dump(by_alias=True, exclude_none=True) for name in names},
        contract=_callers(contract, context.stack.resolve) if any(one.token for one in requests) else {},
        captured=captured,
        weights=parameters.requests,
        gentle=gentle,
        options=parameters.options,
    )


def _refuse_writing(names: Sequence[str], context: Context) -> None:
    """Raises MissingCapability where a load would write to a stack that is only read."""
    writing = [name for name in names if name in WRITES]
    if writing and Capability.WRITE not in context.stack.capabilities:
        raise MissingCapability(f"{' and '.join(writing)} would write, and this stack is not written to")


def _callers(contract: ContractSpec, resolve: Callable[[str], str]) -> dict[str, Any]:
    """The callers of a contract without the references of the stack file: what a login needs."""
    written = contract.model_dump(by_alias=True, exclude_none=True, include={"auth", "tenants"})
    return cast("dict[str, Any]", substitute(written, lambda name: resolve(f"${{{name}}}")))


def in_flight_limit(rate: float, timeout_seconds: float) -> int:
    """How many requests may wait at once: twice what a service that answers nothing would let pile up.

    Each needs a socket, so the limit on open files is a limit here too.

    >>> in_flight_limit(25, 10)
    500
    """
    wanted = max(IN_FLIGHT_AT_LEAST, math.ceil(rate * timeout_seconds * IN_FLIGHT_MARGIN))
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if files == resource.RLIM_INFINITY else max(1, min(wanted, files - FILES_IN_RESERVE))
