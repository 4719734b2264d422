"""What the answers to the contract's requests hold. Pure: the load generator reads them in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.spec.contract import RequestSpec
from gonogo.stacks.exchange import OPTIONAL, Answer, first, select
from gonogo.stacks.sse import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result of a search."""

    document: str
    chunk: str | None = None
    text: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an answer to a chat holds."""

    text: str = ""
    sources: tuple[str, ...] = ()
    turns: Any = None


def hits_in(spec: RequestSpec, answer: Answer) -> tuple[Hit, ...]:
    """The hits of a successful answer to a search. Raises NotMeasurable."""
    if "document" not in spec.hit:
        raise MissingCapability("the contract does not say where an answer to a search holds its hits")
    data, request = answer.json(), answer.request
    if spec.hits is None:
        return _columns(spec.hit, data, request)
    return tuple(
        _hit({name: first(path, entry, request) for name, path in spec.hit.items()}, request)
        for entry in select(spec.hits, data, request)
    )


def said_in(spec: RequestSpec, answer: Answer) -> Said:
    """What a successful answer to a chat says. Raises NotMeasurable."""
    if spec.stream is not None:
        streamed = read(answer, spec)
        return Said(text=streamed.text, sources=streamed.sources, turns=streamed.turns)
    data, request = answer.json(), answer.request
    texts = select(spec.answer, data, request) if spec.answer else []
    sources = select(spec.sources, data, request) if spec.sources else []
    turns = first(spec.turns, data, request) if spec.turns else None
    return Said(text="\n".join(map(str, texts)), sources=tuple(map(str, sources)), turns=turns)


def id_in(spec: RequestSpec, answer: Answer, asked: str) -> str:
    """The id under which a successful ingest stored its document: the one that was asked for where none is named."""
    found = first(spec.id, answer.json(), answer.request) if spec.id else None
    return asked if found is None else str(found)


def _columns(paths: Mapping[str, str], data: Any, request: str) -> tuple[Hit, ...]:
    """Hits whose parts stand in lists beside each other. Raises NotMeasurable where these differ in length."""
    columns = {name: select(path, data, request) for name, path in paths.items()}
    columns = {name: found for name, found in columns.items() if found or not paths[name].endswith(OPTIONAL)}
    lengths = {name: len(found) for name, found in columns.items()}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{paths[name]} {number}" for name, number in lengths.items())
        raise NotMeasurable(
            f"the paths of hit select different numbers of values in the answer to {request}: {counted}"
        )
    rows = zip(*columns.values(), strict=True)
    return tuple(_hit(dict(zip(columns, row, strict=True)), request) for row in rows)


def _hit(parts: Mapping[str, Any], request: str) -> Hit:
    document, chunk, score = parts.get("document"), parts.get("chunk"), parts.get("score")
    if document is None or isinstance(document, (dict, list)):
        raise NotMeasurable(f"hit.document selects {type(document).__name__}, no id, in the answer to {request}")
    return Hit(
        document=str(document),
        chunk=None if chunk is None else str(chunk),
        text=str(parts.get("text") or ""),
        score=float(score) if isinstance(score, (int, float)) else None,
    )
