"""From a load profile and the stack's contract to the traffic that a generator is to make."""

from __future__ import annotations

import json
import math
import random
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.load.wire import PlannedRequest, Traffic
from gonogo.spec.verification import LoadSpec, TrafficSpec
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Question, application_of, questions_of
from gonogo.stacks.exchange import fill, fill_path

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


def search_requests(
    application: Application, resolve: Callable[[str], str], questions: Sequence[Question], k: int
) -> tuple[PlannedRequest, ...]:
    """One search for every question, as its tenant. Raises MissingCapability where the contract has no search."""
    spec = application.spec("search")
    planned = []
    for one in questions:
        values = {"query": one.question, "k": k}
        body = fill(spec.json_, values)
        own = {name: resolve(value) for name, value in spec.headers.items()}
        planned.append(
            PlannedRequest(
                name="search",
                key=one.id,
                method=spec.method,
                path=fill_path(spec.path, values),
                headers={**application.tenant_headers(one.tenant), **own},
                body=None if body is None else json.dumps(body),
                known=one.document,
            )
        )
    return tuple(planned)


def traffic_of(
    context: Context, profile: LoadSpec, parameters: TrafficSpec, *, seconds: float, samples: Path
) -> Traffic:
    """The traffic of a profile on the running stack; `seconds` with the warm-up. Raises NotMeasurable."""
    gentle = context.stack.runtime == "external" and Capability.WRITE not in context.stack.capabilities
    if gentle and profile.arrivals.rate > context.stack.spec.gentle_load:
        raise MissingCapability(f"what is only read gets {context.stack.spec.gentle_load:g} requests a second at most")
    with application_of(context.stack) as application:
        spec = application.spec("search")
        questions = asked_questions(context, parameters.seed)
        requests = search_requests(application, context.stack.resolve, questions, parameters.k)
        base_url = application.base_url
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
        hits=spec.hits,
        hit=spec.hit,
        gentle=gentle,
        options=parameters.options,
    )


def in_flight_limit(rate: float, timeout_seconds: float) -> int:
    """How many requests may wait at once: twice what a service that answers nothing would let pile up.

    Each needs a socket, so the limit on open files is a limit here too.

    >>> in_flight_limit(25, 10)
    500
    """
    wanted = max(IN_FLIGHT_AT_LEAST, math.ceil(rate * timeout_seconds * IN_FLIGHT_MARGIN))
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if files == resource.RLIM_INFINITY else max(1, min(wanted, files - FILES_IN_RESERVE))
