"""Trying the contract of a stack: every request that only reads is sent, and what does not fit is said."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import MissingCapability, NotMeasurable, StackError, UsageError
from gonogo.core.outcome import Capability
from gonogo.engine.init.shapes import FILL_IN
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.interruption import interruptible
from gonogo.engine.run import STACK_START_S, Observer, opened, start
from gonogo.spec.contract import REQUESTS, RequestSpec
from gonogo.stacks.contract import Application, Hit, application_of, questions_of
from gonogo.stacks.exchange import Answer, check_path, fill, fill_path, select
from gonogo.stacks.interfaces import Stack

Look = Callable[[Stack, Callable[[str], str]], None]
QUESTION = "What is this about?"  # where no corpus says what can be asked
K = 3
EXCERPT = 160  # characters of an answer that are shown
WRITES = ("ingest", "chat", "delete")
ORDER = ("live", "ready", "metrics", "openapi", "search", "document", *WRITES)  # a search gives ids to ask for
VALUES: Mapping[str, Any] = {
    "id": "gonogo-trial", "title": "t", "text": "t", "query": QUESTION, "k": K, "session": "s", "message": QUESTION,
}  # fmt: skip
REMEDIES = {
    400: "compare `json` of the contract with what the service takes",
    401: "see to the tenant's headers: the service does not know the key",
    403: "see to the tenant's headers: the key may not do this",
    404: "see to the path: the service has no such route",
    405: "see to the method: the route takes another one",
    415: "the service wants another kind of body; only JSON can be sent",
    422: "compare `json` of the contract with what the service takes",
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


def try_stack(options: RunOptions, observer: Observer, look: Look | None = None) -> list[Trial]:
    """Start (or attach to) a stack and try its contract. Raises UsageError, Interrupted.

    `look` is shown the stack while it runs, and what masks the run's secrets.
    """
    interruption = Interruption()
    with tempfile.TemporaryDirectory(prefix="gonogo-doctor-") as folder:
        inputs = read_inputs(replace(options, out=Path(folder) / "run"))
        with opened(inputs, observer) as (directory, services), interruptible(interruption):
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
    """Everything that can be tried on a running stack without writing."""
    for capability, what in ((Capability.SQL, "database"), (Capability.APPLICATION, "application")):
        if reason := stack.missing.get(capability):
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
        yield from try_contract(application, _questions(stack))


def _questions(stack: Stack) -> dict[str, str]:
    """A question for each tenant, from the corpus where there is one."""
    try:
        return {one.tenant: one.question for one in reversed(questions_of(stack))}
    except MissingCapability:
        return {}


def try_contract(application: Application, questions: Mapping[str, str]) -> Iterator[Trial]:
    """Every request of a contract, reading ones by sending them. `questions`: one for each tenant that has one."""
    known: dict[str | None, str] = {}
    tenants: list[str | None] = list(application.contract.tenants) or [None]
    for name in sorted(REQUESTS, key=ORDER.index):
        if not application.declares(name):
            yield Trial(what=name, fit=Fit.UNTRIED, found="not declared: the verifications that need it are left out")
        elif problem := _template_problem(application.spec(name)):
            yield Trial(what=name, fit=Fit.DIFFERS, found=problem, remedy=f"correct contract.{name}")
        elif name in WRITES:
            yield Trial(what=name, fit=Fit.UNTRIED, found="writes; only its placeholders and JSONPaths were looked at")
        elif name == "search":
            yield from (_search(application, one, questions.get(one or "", QUESTION), known) for one in tenants)
        elif name == "document":
            yield from (_document(application, one, known.get(one)) for one in tenants)
        else:
            yield _plain(application, name)


def _template_problem(spec: RequestSpec) -> str | None:
    """What is wrong with a request before it is sent: a gap left to fill in, an unknown placeholder, no JSONPath."""
    if FILL_IN in f"{spec.path}{spec.json_}{spec.headers}":
        return f"{FILL_IN} still stands in it"
    try:
        fill_path(spec.path, VALUES)
        fill(spec.json_, VALUES)
        for path in filter(None, (spec.id, spec.hits, spec.answer, spec.sources, spec.turns, *spec.hit.values())):
            check_path(path)
    except (NotMeasurable, UsageError) as error:
        return str(error)
    return None


def _plain(application: Application, name: str) -> Trial:
    """live, ready, metrics, openapi: a success, and a body of the right kind."""
    spec = application.spec(name)
    if spec.method not in {"GET", "HEAD"}:
        return Trial(what=name, fit=Fit.UNTRIED, found=f"{spec.method} may write")
    answer = application.call(name)
    if wrong := _refused(name, answer):
        return wrong
    problem = {"metrics": _metrics_problem, "openapi": _openapi_problem}.get(name, lambda _answer: None)(answer)
    if problem:
        return Trial(what=name, fit=Fit.DIFFERS, found=f"{answer.request} {problem}", remedy=f"correct contract.{name}")
    return Trial(what=name, fit=Fit.FITS, found=f"{answer.request} answered {answer.status}")


def _metrics_problem(answer: Answer) -> str | None:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        samples = sum(len(family.samples) for family in text_string_to_metric_families(answer.text))
    except (ValueError, KeyError, IndexError) as error:
        return f"answered what is no Prometheus text: {error}"
    return None if samples else "answered a text without a single sample"


def _openapi_problem(answer: Answer) -> str | None:
    try:
        data = answer.json()
    except NotMeasurable:
        return "answered what is no JSON"
    return None if isinstance(data, dict) and data.get("paths") else "answered JSON that is no OpenAPI document"


def _search(application: Application, tenant: str | None, query: str, known: dict[str | None, str]) -> Trial:
    """A search as one tenant: success, hits, and every JSONPath of every hit selects something of the right type."""
    what, spec = _as(tenant, "search"), application.spec("search")
    answer = application.call("search", tenant=tenant, query=query, k=K)
    if wrong := _refused(what, answer):
        return wrong
    differs = _differing(what)
    if not spec.hits or "document" not in spec.hit:
        return differs(f"{answer.request} answered {answer.status}", "say in hits and hit.document where the hits are")
    try:
        hits = select(spec.hits, answer.json(), answer.request)
    except NotMeasurable as error:
        return differs(str(error), f"correct contract.search.hits; the answer begins: {_excerpt(answer)}")
    if not hits:
        found = f"{answer.request} answered no hits, so nothing of `hit` could be looked at"
        return Trial(
            what=what, fit=Fit.UNPROVEN, found=found, remedy="store a document for this tenant, or name a corpus"
        )
    for part, path in spec.hit.items():
        if problem := _hit_problem(part, path, hits, answer):
            return differs(problem, f"correct contract.search.hit.{part}; a hit begins: {str(hits[0])[:EXCERPT]}")
    if len(hits) > K and "{k}" in f"{spec.path}{spec.json_}":
        return differs(f"{len(hits)} hits for k = {K}", "see where {k} belongs: the service does not heed it")
    known[tenant] = str(select(spec.hit["document"], hits[0], answer.request)[0])
    return Trial(
        what=what, fit=Fit.FITS, found=f"{answer.request} answered {len(hits)} hits, every path selects something"
    )


def _hit_problem(part: str, path: str, hits: list[Any], answer: Answer) -> str | None:
    if part not in Hit.__slots__:
        return f"hit.{part} is nothing that gonogo reads (known: {', '.join(Hit.__slots__)})"
    wanted: dict[str, type | tuple[type, ...]] = {"score": (int, float), "text": str}
    for hit in hits:
        try:
            value = select(path, hit, answer.request)[0]
        except (NotMeasurable, IndexError):
            return f"hit.{part}: {path} selects nothing in a hit of the answer to {answer.request}"
        if not isinstance(value, wanted.get(part, (str, int))) or isinstance(value, bool):
            return f"hit.{part}: {path} selects {type(value).__name__} {str(value)[:40]!r}"
    return None


def _document(application: Application, tenant: str | None, known: str | None) -> Trial:
    """A document that is not there is refused; one that a search named is there, under its id."""
    what, spec = _as(tenant, "document"), application.spec("document")
    differs = _differing(what)
    if spec.method not in {"GET", "HEAD"}:
        return Trial(what=what, fit=Fit.UNTRIED, found=f"{spec.method} may write")
    absent = application.document(tenant, f"gonogo-unknown-{secrets.token_hex(8)}")
    if absent.ok:
        remedy = "an unknown id must be refused: see where {id} belongs in the path"
        return differs(f"{absent.request} answered {absent.status} to an id that cannot exist", remedy)
    if absent.status not in {400, 404, 410, 422} and (wrong := _refused(what, absent)):
        return wrong
    if known is None:
        found = (
            f"{absent.request} answered {absent.status}, as it would if the path were wrong: no search gave a known id"
        )
        return Trial(what=what, fit=Fit.UNPROVEN, found=found, remedy="let contract.search fit first")
    answer = application.document(tenant, known)
    if wrong := _refused(what, answer):
        return wrong
    if spec.id:
        try:
            own = select(spec.id, answer.json(), answer.request)
        except NotMeasurable as error:
            return differs(str(error), f"correct contract.document.id; the answer begins: {_excerpt(answer)}")
        if not own or str(own[0]) != known:
            return differs(
                f"{spec.id} selects {own[:1]} in the document {known!r}", "see to document.id and hit.document"
            )
    return Trial(
        what=what, fit=Fit.FITS, found=f"{answer.request} answered {answer.status}, an unknown id {absent.status}"
    )


def _refused(what: str, answer: Answer) -> Trial | None:
    """What an answer that is no success says; None for a success."""
    if answer.ok:
        return None
    if answer.status is None:
        found, remedy = f"{answer.request}: no answer: {answer.error}", "see that the service runs at this address"
        return Trial(what=what, fit=Fit.DIFFERS, found=found, remedy=remedy)
    found = f"{answer.request} answered {answer.status}: {_excerpt(answer)}"
    if answer.rate_limited:
        return Trial(what=what, fit=Fit.UNPROVEN, found=found, remedy="gonogo asked too often: try again later")
    otherwise = "the service failed: see its log" if answer.status >= 500 else "see to the path and the method"
    return Trial(what=what, fit=Fit.DIFFERS, found=found, remedy=REMEDIES.get(answer.status, otherwise))


def _differing(what: str) -> Callable[[str, str], Trial]:
    return lambda found, remedy: Trial(what=what, fit=Fit.DIFFERS, found=found, remedy=remedy)


def _as(tenant: str | None, name: str) -> str:
    return f"{name} as {tenant}" if tenant else name


def _excerpt(answer: Answer) -> str:
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in answer.text[: 4 * EXCERPT]).split())
    return text[:EXCERPT] or "(nothing)"
