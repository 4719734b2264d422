"""The application's log: structured, with the id of every request, and without what must not be in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._conversation import Conversation
from gonogo.probes._steps import StepSpec, absent, traffic_for, undeclared_calls
from gonogo.spec.base import Spec
from gonogo.stacks.contract import application_of

if TYPE_CHECKING:
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import Stack

SHORTEST_SECRET = 8
SHOWN = 10
ARRIVAL_SECONDS = 3.0


class LogsParameters(Spec):
    """Traffic to be logged, as steps of the http probe.

    `lines_with_request_id` counts the lines that hold the `{request}` of one of the requests as a value: send it as
    `X-Request-ID` in `headers`. `requests_without_id` counts the requests of which there is no such line.
    `private` is a text, with `{token}`, that clients sent and that must not be found in the log.
    """

    traffic: tuple[StepSpec, ...] = Field(min_length=1)
    private: str = ""


class LogsProbe:
    """Sends traffic and reads the log of the service that answered it."""

    parameters = LogsParameters
    needs = frozenset({Capability.APPLICATION, Capability.READ_LOGS})

    def undeclared(self, parameters: LogsParameters, contract: ContractSpec) -> tuple[str, ...]:
        """The requests of its traffic."""
        return undeclared_calls(traffic_for(parameters.traffic, contract), contract)

    def observe(self, context: Context, parameters: LogsParameters) -> Iterator[Observation]:
        """unstructured_lines, secrets_in_log, private_texts, lines_with_request_id, requests_without_id."""
        talk = Conversation.on(context.stack, context.deadline)
        token = str(talk.values["token"])
        traffic = traffic_for(parameters.traffic, context.stack.spec.contract)
        try:
            for step in traffic:
                for _ in talk.perform(step):
                    pass
        finally:
            talk.close()
        lines = _lines(context, talk.asked)
        secrets = _secrets(context.stack)
        text = "\n".join(lines)
        yield Observation(name="unstructured_lines", value=_unstructured(lines), n=len(lines))
        leaked = tuple(sorted(name for name, secret in secrets.items() if secret in text))
        yield Observation(name="secrets_in_log", value=leaked, n=len(secrets))
        if parameters.private:
            yield from _private(parameters, context.stack.spec.contract, lines, token)
        yield from _identified(lines, talk.asked)


def _identified(lines: Sequence[str], asked: Mapping[str, str]) -> Iterator[Observation]:
    """`asked`: what each request was, by its id. The many lines of one must not stand for those of another."""
    mentioned = sum(any(f'"{one}"' in line for one in asked) for line in lines)
    yield Observation(name="lines_with_request_id", value=mentioned, unit="count", n=len(lines))
    text = "\n".join(lines)
    silent = [what for one, what in asked.items() if f'"{one}"' not in text]
    yield Observation(
        name="requests_without_id", value=len(silent), unit="count", n=len(asked), load_sensitive=True,
        detail=f"no line has the id of: {', '.join(silent[:SHOWN])}" if silent else "",
    )  # fmt: skip


def _private(
    parameters: LogsParameters, contract: ContractSpec, lines: Sequence[str], token: str
) -> Iterator[Observation]:
    """Where the private text stands. What the application has no request for could not carry it into the log."""
    carrying = [step for step in parameters.traffic if parameters.private in str(step.model_dump())]
    sent = traffic_for(tuple(carrying), contract)
    text = parameters.private.replace("{token}", token)
    holding = tuple(f"line {number}" for number, line in enumerate(lines, 1) if text in line)
    detail = "" if sent else "no request that was sent holds the private text"
    yield Observation(name="private_texts", value=holding[:SHOWN], n=len(lines) if sent else 0, detail=detail)
    for name in dict.fromkeys(name for step in carrying if step not in sent for name in step.calls):
        has_none, reason = absent(contract, name)
        yield Observation(name="private_texts", subject=name, value=None, not_applicable=has_none, detail=reason)


def _lines(context: Context, ids: Collection[str]) -> list[str]:
    """The log, once all of the traffic has reached it or long enough has been waited. Raises NotMeasurable.

    A line may be written after the answer was sent, and a container's log reaches its engine later still. Whoever reads
    a file while it is written may see the beginning of a line: the rest is waited for as well.
    """
    text = _awaited(context, lambda text: all(f'"{one}"' in text for one in ids))
    if not text.endswith("\n"):
        text = _awaited(context, lambda text: text.endswith("\n"))
    # Not splitlines(): JSON may hold U+2028 and its like as they are.
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise NotMeasurable("the application's log is empty")
    return lines


def _awaited(context: Context, has_arrived: Callable[[str], bool]) -> str:
    """The log as it is then, or once long enough has been waited."""
    application = context.stack.application()
    patience = context.deadline.within(ARRIVAL_SECONDS)
    text = application.log_text()
    while not has_arrived(text) and not patience.expired:
        patience.sleep(0.05)
        text = application.log_text()
    return text


def _unstructured(lines: list[str]) -> tuple[str, ...]:
    """Lines that are no JSON object, shortened."""
    found = []
    for number, line in enumerate(lines, 1):
        try:
            structured = isinstance(json.loads(line), dict)
        except ValueError:
            structured = False
        if not structured:
            found.append(f"line {number}: {line[:80]}")
    return tuple(found[:SHOWN])


def _secrets(stack: Stack) -> dict[str, str]:
    """The secrets of this run by the name of their reference. Raises NotMeasurable when there are none to look for."""
    known = {name: value for name, value in stack.references.items() if name.startswith("generated.")}
    with application_of(stack) as application:
        for tenant in stack.spec.contract.tenants:
            found = application.callers.secrets_of(tenant)
            known |= {f"{name} of {tenant}": value for name, value in found.items()}
    known |= _passwords(stack)
    long_enough = {name: value for name, value in known.items() if len(value) >= SHORTEST_SECRET}
    if not long_enough:
        raise NotMeasurable("no secret of this stack is known, so none can be looked for in its log")
    return long_enough


def _passwords(stack: Stack) -> dict[str, str]:
    """Passwords of the stack's URLs, but not words that a log holds for other reasons, such as `postgres`."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed where checks are only listed

    urls = {name: urlsplit(value) for name, value in stack.references.items() if "://" in value}
    return {
        f"password of {name}": url.password
        for name, url in urls.items()
        if url.password and url.password not in (url.username, url.path.strip("/"), url.scheme, url.hostname)
    }


PROBE = LogsProbe()
