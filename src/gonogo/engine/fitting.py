"""What trials have in common: how they come out, and the sentences for what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gonogo.core.errors import MissingCapability, NotMeasurable, UsageError
from gonogo.engine.init.shapes import FILL_IN
from gonogo.spec.contract import ReplicationSpec, RequestSpec
from gonogo.stacks.contract import Application
from gonogo.stacks.encoding import prepared
from gonogo.stacks.exchange import PLACEHOLDER, Answer, check_path
from gonogo.stacks.sse import TYPE, events_of

QUESTION = "What is this about?"  # where no corpus says what can be asked
K = 3
EXCERPT = 160  # characters of an answer that are shown
VALUES: Mapping[str, Any] = {
    "id": "gonogo-trial", "title": "t", "text": "t", "query": QUESTION, "k": K, "session": "s", "message": QUESTION,
}  # fmt: skip
REMEDIES = {
    400: "compare query and body of the request in the contract with what the service takes",
    401: "see to tenants and auth: the service does not know who asks",
    403: "see to tenants and auth: this caller may not do this",
    404: "see to the path: the service has no such route",
    405: "see to the method: the route takes another one",
    415: "the service wants another kind of body: json, form or multipart",
    422: "compare query and body of the request in the contract with what the service takes",
}


class Fit(StrEnum):
    """How trying one thing came out."""

    FITS = "fits"
    DIFFERS = "does not fit"
    UNPROVEN = "not proven"  # tried, and nothing can be said
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried. `what` names the request, and the tenant it was sent as."""

    what: str
    fit: Fit
    found: str
    remedy: str = ""


class Misfit(Exception):
    """What does not fit, and what to do about it."""

    def __init__(self, found: str, remedy: str, fit: Fit = Fit.DIFFERS) -> None:
        super().__init__(found)
        self.found, self.remedy, self.fit = found, remedy, fit


def reading(key: str, answer: Answer, read: Callable[[], Any]) -> Any:
    """What reading an answer gives. Raises Misfit that names the key of the contract."""
    try:
        return read()
    except MissingCapability:
        raise
    except NotMeasurable as error:
        if answer.headers.get("content-type", "").startswith(TYPE) and "no JSON" in str(error):
            events = ", ".join(dict.fromkeys(event.name for event in events_of(answer.body)))
            remedy = f"it answers a stream: write stream: in contract.{key.partition('.')[0]} (its events: {events})"
        else:
            remedy = f"correct contract.{key}; the answer begins: {excerpt(answer)}"
        raise Misfit(str(error), remedy) from None


def require_success(answer: Answer) -> None:
    """Raises Misfit that says what an answer is that is no success."""
    if answer.ok:
        return
    if answer.status is None:
        raise Misfit(f"{answer.request}: no answer: {answer.error}", "see that the service runs at this address")
    if answer.broken:
        raise Misfit(
            f"{answer.request} answered {answer.outcome}", "see to the service's log, and to stream: done, error"
        )
    found = f"{answer.request} answered {answer.status}: {excerpt(answer)}"
    if answer.rate_limited:
        raise Misfit(found, "gonogo asked too often: try again later", Fit.UNPROVEN)
    otherwise = "the service failed: see its log" if answer.status >= 500 else "see to the path and the method"
    remedy = REMEDIES.get(answer.status, otherwise)
    allowed = answer.headers.get("allow") if answer.status == 405 else None
    raise Misfit(found, f"{remedy} ({allowed})" if allowed else remedy)


def template_problem(application: Application, name: str) -> str | None:
    """What is wrong with a request before it is sent: a gap left to fill in, an unknown placeholder, no JSONPath."""
    spec = application.spec(name)
    if FILL_IN in spec.model_dump_json():
        return f"{FILL_IN} still stands in it"
    try:
        for path in _paths(spec):
            check_path(path)
        tenants: list[str | None] = [*application.contract.tenants] or [None]
        for tenant in tenants:
            own = dict.fromkeys(application.contract.tenants[tenant].variables, "x") if tenant else {}
            try:
                prepared(spec, {**application.callers.keyring.variables(tenant), **own, **VALUES})
            except NotMeasurable as error:
                return f"{error} of {tenant}" if tenant else str(error)
    except (NotMeasurable, UsageError) as error:
        return str(error)
    return None


def _paths(spec: RequestSpec) -> Iterator[str]:
    """Every JSONPath of a request."""
    given = [spec.id, spec.hits, spec.answer, spec.sources, spec.turns, *spec.hit.values()]
    if isinstance(spec, ReplicationSpec):
        given += [spec.role, spec.standbys, *spec.standby.values()]
    yield from filter(None, given)


def used_placeholders(spec: RequestSpec) -> set[str]:
    """The placeholders of a request."""
    written = spec.model_dump_json(include={"request", "headers", "query", "json_", "form", "multipart"})
    return set(PLACEHOLDER.findall(written))


def as_tenant(tenant: str | None, name: str) -> str:
    """What a trial is called."""
    return f"{name} as {tenant}" if tenant else name


def excerpt(answer: Answer) -> str:
    """The beginning of an answer, on one line."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in answer.text[: 4 * EXCERPT]).split())
    return text[:EXCERPT] or "(nothing)"


def untried(what: str, found: str) -> Trial:
    """What was not tried, and why."""
    return Trial(what=what, fit=Fit.UNTRIED, found=found)
