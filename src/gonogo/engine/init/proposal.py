"""A contract proposed from an OpenAPI document: which operation is what, and how sure that is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gonogo.engine.init.openapi import EVENTS, OpenApi, Operation
from gonogo.engine.init.requests import (
    COUNTS,
    MESSAGES,
    OWN_IDS,
    PLACEHOLDER,
    QUESTIONS,
    SESSIONS,
    TEXTS,
    TITLES,
    Made,
    given,
    inexpressible,
    make_request,
)  # fmt: skip
from gonogo.engine.init.shapes import (
    ANSWER,
    IDS,
    SOURCES,
    TOKENS,
    TURNS,
    column_paths,
    document_path,
    hit_paths,
    kind_of,
    lists,
    places,
    scalar_at,
    simple,
)  # fmt: skip
from gonogo.engine.init.tenants import find_tenants

WORDS: Mapping[str, frozenset[str]] = {
    "search": frozenset(
        {"search", "query", "retrieve", "retrieval", "similar", "similarity", "recall", "find", "lookup"}
    ),
    "chat": frozenset(
        {"chat", "ask", "answer", "answers", "completion", "completions", "conversation", "message", "messages", "qa"}
    ),
    "ingest": frozenset(
        {"document", "documents", "docs", "ingest", "upload", "index", "memories", "memory", "notes", "texts"}
        | {"files", "add"}
    ),
}
ALIVE = ("livez", "live", "liveness", "alive", "healthz", "health", "healthcheck", "ping", "heartbeat", "status")
READY = ("readyz", "ready", "readiness", "healthz", "health", "healthcheck", "status")


class Confidence(StrEnum):
    """How sure a proposal is."""

    SURE = "sure"
    LIKELY = "likely"
    GUESS = "a guess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One request of the contract, as a stack file writes it."""

    name: str
    spec: Mapping[str, Any]
    confidence: Confidence
    operation: Operation | None
    remarks: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Proposed:
    """A whole contract. `absent` says why a request is not proposed.

    `tenant_headers`, `variables` and `auth` say how tenants are told apart. In their values `KEY`, `ID`, `USER`,
    `PASSWORD` and `NAME` stand for what each tenant has of its own.
    """

    requests: dict[str, Proposal] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # JSONPaths into the body of an error
    tenant_headers: dict[str, str] = field(default_factory=dict)  # `KEY` stands for the tenant's own secret
    variables: dict[str, str] = field(default_factory=dict)
    auth: dict[str, Any] | None = None
    remarks: list[str] = field(default_factory=list)


def propose(api: OpenApi) -> Proposed:
    """Look for every request that a contract can have."""
    made = Proposed()
    for name, segments in (("live", ALIVE), ("ready", READY), ("metrics", ("metrics",))):
        _keep(made, name, [_plain(name, one, segments) for one in api.operations], f"no GET /{segments[0]} or the like")
    if api.where:
        spec = {"request": f"GET {api.where}"}
        made.requests["openapi"] = Proposal(name="openapi", spec=spec, confidence=Confidence.SURE, operation=None)
    else:
        made.absent["openapi"] = "a document does not say where it is served; FastAPI serves it at /openapi.json"
    _keep(made, "chat", [_chat(api, one) for one in api.operations], "no POST that takes a message and answers a text")
    chat = made.requests.get("chat")
    others = [one for one in api.operations if not chat or one is not chat.operation]
    _keep(made, "search", [_search(api, one) for one in others], "no request takes a question and answers hits")
    _keep(made, "ingest", [_ingest(api, one) for one in others], "no POST takes the text of a document")
    ingest = made.requests.get("ingest")
    for name, method in (("document", "GET"), ("delete", "DELETE")):
        found = [_single(api, name, method, one, ingest) for one in api.operations]
        _keep(made, name, found, f"no {method} of a path like /documents/{{id}}")
    made.errors = _errors(api)
    find_tenants(api, made)
    return made


Scored = tuple[int, Proposal | str]  # a text says what keeps an operation that fits from being proposed


def _keep(made: Proposed, name: str, found: Sequence[Scored | None], otherwise: str) -> None:
    """The best one that can be expressed; else why not."""
    there = [one for one in found if one is not None]
    able = [(points, one) for points, one in there if isinstance(one, Proposal)]
    if able:
        made.requests[name] = max(able, key=lambda pair: pair[0])[1]
    else:
        made.absent[name] = next((one for _, one in there if isinstance(one, str)), otherwise)


def _plain(name: str, one: Operation, segments: Sequence[str]) -> Scored | None:
    """A GET without parameters whose last segment is one of those, the first of them the best."""
    last = one.path.rstrip("/").rpartition("/")[2].lower()
    if one.method != "GET" or last not in segments or any(parameter.required for parameter in one.parameters):
        return None
    general = last in {"health", "healthz", "healthcheck", "status", "ping", "heartbeat"}
    remarks = ("a general health route: it may say less than the name of this request",) if general else ()
    sure = Confidence.GUESS if general else Confidence.SURE
    spec = {"request": one.title}
    return -segments.index(last), Proposal(name=name, spec=spec, confidence=sure, operation=one, remarks=remarks)


def _chat(api: OpenApi, one: Operation) -> Scored | None:
    points = _named(one, "chat")
    made = make_request(api, one, {"message": MESSAGES, "session": SESSIONS})
    found = [p for p in places(one.answer, api.resolve) if "[0]" not in p[0] or p[0].startswith("$.choices[0].message")]
    answer = scalar_at(found, ANSWER, {"string"})
    sources = _sources(api, one)
    if one.streams:
        return _streamed(api, one, made, points) if one.method == "POST" and "message" in made.used and points else None
    if one.method != "POST" or "message" not in made.used or not (points or (answer and sources)):
        return None
    if reason := inexpressible(one):
        return points, reason
    if not answer and next(lists(one.answer, api.resolve), None):
        return None  # it answers a list: a search
    turns = scalar_at(found, TURNS, {"integer"})
    spec = {**made.spec, **given(answer=answer, sources=sources, turns=turns)}
    lacks = [*_lacks(answer, "answer", "the text"), *_lacks(sources, "sources", "the ids of its sources")]
    return points + 2 * bool(answer), _proposal("chat", spec, one, made, points, lacks)


def _streamed(api: OpenApi, one: Operation, made: Made, points: int) -> Scored:
    """A chat that answers as a stream of events. A document rarely says what they hold."""
    found = [place for place in places(one.events, api.resolve) if "[0]" not in place[0] or ".delta" in place[0]]
    answer = scalar_at(found, (*TOKENS, *ANSWER), {"string"})
    spec = {**made.spec, "stream": True, **given(answer=answer)}
    lacks = _lacks(answer, "answer", "the text; without it an event's data is the text itself")
    lacks.append("say in stream: {answer: …, sources: …, done: …} what its events are called and which one ends it")
    return points, _proposal("chat", spec, one, made, points, lacks)


def _search(api: OpenApi, one: Operation) -> Scored | None:
    points = _named(one, "search")
    made = make_request(api, one, {"query": QUESTIONS, "k": COUNTS})
    if one.method not in {"GET", "POST"} or "query" not in made.used or not points:
        return None
    if reason := inexpressible(one):
        return points, reason
    hits, entry = next(
        ((path, found) for path, found in lists(one.answer, api.resolve) if document_path(found, api.resolve)),
        (None, {}),
    )
    hit = hit_paths(entry, api.resolve) if hits else column_paths(one.answer, api.resolve)
    lacks = _lacks(hit, "hits and hit", "the list of hits with the id of each one's document")
    if hits:
        found_document = document_path(entry, api.resolve)
        if found_document and not found_document[1]:
            lacks.append("`id` may be a passage's: document must be the id of the document")
        lacks += [f"no path for {part} was found" for part in ("text", "score") if part not in hit]
    if "k" not in made.used:
        lacks.append("nothing was found that says how many hits are wanted (k)")
    spec = {**made.spec, **given(hits=hits, hit=hit or None)}
    return points + 3 * bool(hit), _proposal("search", spec, one, made, points, lacks)


def _ingest(api: OpenApi, one: Operation) -> Scored | None:
    points = _named(one, "ingest")
    if one.method not in {"POST", "PUT"} or not points or _named(one, "search") >= points:
        return None
    if reason := inexpressible(one):
        return points, reason
    own = "id" if one.method == "PUT" else None
    made = make_request(api, one, {"text": TEXTS, "title": TITLES, "id": OWN_IDS}, own=own)
    if "text" not in made.used:
        return None
    found = document_path(one.answer, api.resolve, in_lists=True)
    path = found[0] if found else next(
        (f"{p}[0]" for p, own, schema in places(one.answer, api.resolve)
         if own in {f"{name}s" for name in (*IDS, *OWN_IDS)} and kind_of(schema) == "array"), None,
    )  # fmt: skip
    lacks = [] if path or "id" in made.used else _lacks(None, "id", "the id of the stored document")
    return points + 2 * bool(path), _proposal("ingest", {**made.spec, **given(id=path)}, one, made, points, lacks)


def _single(api: OpenApi, name: str, method: str, one: Operation, ingest: Proposal | None) -> Scored | None:
    """A request for one document by its id, which ends the path."""
    folder, _, last = one.path.rstrip("/").rpartition("/")
    if one.method != method or not PLACEHOLDER.fullmatch(last):
        return None
    beside = bool(ingest and ingest.operation and ingest.operation.path.rstrip("/") in {folder, one.path.rstrip("/")})
    points = _named(one, "ingest") + 4 * beside
    if not points:
        return None
    made = make_request(api, one, {}, own="id")
    found = document_path(one.answer, api.resolve) if name == "document" else None
    spec = {**made.spec, **given(id=found[0] if found else None)}
    lacks = _lacks(found, "id", "the document's id") if name == "document" else []
    return points, _proposal(name, spec, one, made, points, lacks)


def _sources(api: OpenApi, one: Operation) -> str | None:
    """Where an answer to a chat names the documents that it rests on."""
    for path, entry in lists(one.answer, api.resolve):
        own = simple(path.rpartition(".")[2].removesuffix("[*]"))
        if own in SOURCES:
            if kind_of(entry) == "string":
                return path
            if found := document_path(entry, api.resolve):
                return path + found[0].removeprefix("$")
    return None


def _named(one: Operation, name: str) -> int:
    """Three points for a word in the path, one for a word in its id, summary or tags."""
    in_path = set(re.split(r"[^a-z]+", simple(PLACEHOLDER.sub("", one.path))))
    said = set(re.split(r"[^a-z]+", simple(one.words)))
    return 3 * bool(WORDS[name] & in_path) + bool(WORDS[name] & said)


def _proposal(  # noqa: PLR0917 - private; every caller has these six at hand, in this order
    name: str, spec: Mapping[str, Any], one: Operation, made: Made, points: int, lacks: Sequence[str]
) -> Proposal:
    remarks = [*lacks, *(f"fill in {name}: what belongs there is not known" for name in made.open)]
    if EVENTS in one.answer_types and not one.streams:
        remarks.append("it can also answer as a stream of events: stream")
    weak = made.open or any("fill in" in text for text in lacks)
    confidence = Confidence.GUESS if weak or points < 3 else Confidence.LIKELY if lacks else Confidence.SURE
    return Proposal(name=name, spec=dict(spec), confidence=confidence, operation=one, remarks=tuple(remarks))


def _lacks(found: object, key: str, what: str) -> list[str]:
    return [] if found else [f"fill in {key}: the document does not say where the answer holds {what}"]


def _errors(api: OpenApi) -> dict[str, str]:
    """Where the body of an error holds its code and the id of the request, by the first operation that says so."""
    wanted = {"code": ("code", "error_code"), "request_id": ("request_id", "trace_id", "correlation_id")}
    for one in api.operations:
        found = [place for place in places(one.error, api.resolve) if "[0]" not in place[0]]
        paths = {name: scalar_at(found, names, {"string", "integer"}) for name, names in wanted.items()}
        if paths["code"]:
            return {name: path for name, path in paths.items() if path}
    return {}
