"""Streams of server-sent events: what they hold, whether they came to their end, when their text began."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gonogo.core.errors import NotMeasurable
from gonogo.spec.contract import RequestSpec, StreamSpec
from gonogo.stacks.exchange import OPTIONAL, Answer, select

DONE = "[DONE]"
LINE = re.compile(rb"[^\r\n]*(\r\n|\n|\r)")
EXCERPT = 120
TYPE = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `end` counts the bytes of the stream up to its end."""

    name: str
    data: str
    end: int

    def json(self) -> Any:
        """Its data as JSON; None where it is none."""
        try:
            return jsonlib.loads(self.data)
        except ValueError:
            return None


def events_of(body: bytes) -> Iterator[Event]:
    """The events of a stream. What follows the last complete line is left out: it was cut.

    >>> [(one.name, one.data) for one in events_of(b"event: token\\ndata: a\\n\\n: here\\ndata: b\\ndata: c\\n\\n")]
    [('token', 'a'), ('message', 'b\\nc')]
    """
    name, data, end = "", list[str](), 0
    for match in LINE.finditer(body.removeprefix(b"\xef\xbb\xbf")):
        line = match[0].rstrip(b"\r\n").decode(errors="replace")
        end = match.end()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(name=name or "message", data="\n".join(data), end=end)
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
    if data:
        yield Event(name=name or "message", data="\n".join(data), end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the stream of a chat holds. `said_at` counts the bytes up to the end of the first event with text."""

    text: str
    sources: tuple[str, ...] = ()
    turns: Any = None
    said_at: int | None = None


def checked(answer: Answer, spec: RequestSpec) -> Answer:
    """A successful answer, broken where its stream carries an error or did not come to its end.

    Raises NotMeasurable for an answer that is no stream.
    """
    if spec.stream is None or answer.status is None or not 200 <= answer.status < 300:
        return answer
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind != TYPE:
        raise NotMeasurable(
            f"{answer.request} answered {kind or 'without a content type'}: no stream of events ({TYPE})"
        )
    events = list(events_of(answer.body))
    for event in events:
        if reason := _failure(event, spec.stream):
            return replace(answer, broken=f"its stream carries an error: {reason}", failed=True)
    if answer.broken:
        return answer
    if not events:
        return replace(answer, broken="its stream ended without an event")
    if spec.stream.done is not None and not any(_ends(event, spec.stream) for event in events):
        return replace(answer, broken=f"its stream ended without {spec.stream.done}: it was cut")
    return answer


def read(answer: Answer, spec: RequestSpec) -> Read:
    """Text, sources and turns of a successful stream. Raises NotMeasurable where a path selects nothing."""
    assert spec.stream is not None
    stream, texts, said_at = spec.stream, list[str](), None
    events = [event for event in events_of(answer.body) if not _ends(event, stream)]
    for event in _named(events, stream.answer):
        found = _texts(event, spec.answer)
        texts += found
        said_at = event.end if said_at is None and "".join(found) else said_at
    if not texts and not (spec.answer or "").endswith(OPTIONAL):
        raise NotMeasurable(_nothing("answer", spec.answer or "text", answer, events, stream.answer))
    sources = _everything(answer, events, stream.sources, "sources", spec.sources)
    turns = _everything(answer, events, None, "turns", spec.turns)
    return Read(
        text="".join(texts), sources=tuple(map(str, sources)), turns=turns[0] if turns else None, said_at=said_at
    )


def first_text_seconds(answer: Answer, spec: RequestSpec) -> float | None:
    """Seconds until the first event with text was there; None where that was not seen. Raises NotMeasurable."""
    said_at = read(answer, spec).said_at
    return next((seconds for count, seconds in answer.arrivals if said_at is not None and count >= said_at), None)


def _failure(event: Event, stream: StreamSpec) -> str | None:
    """What an event says of an error; None where it says none."""
    if event.name == stream.error:
        return _short(event.data)
    data = event.json() if '"error"' in event.data else None
    return _short(jsonlib.dumps(data["error"])) if isinstance(data, dict) and data.get("error") else None


def _ends(event: Event, stream: StreamSpec) -> bool:
    return event.data == DONE or (stream.done is not None and stream.done in {event.data, event.name})


def _named(events: Sequence[Event], name: str | None) -> list[Event]:
    return [event for event in events if name in {None, event.name}]


def _texts(event: Event, path: str | None) -> list[str]:
    if path is None:
        return [event.data]
    data = event.json()
    if data is None:
        return []
    return [str(one) for one in select(path.removesuffix(OPTIONAL) + OPTIONAL, data, event.name) if one is not None]


def _everything(answer: Answer, events: Sequence[Event], name: str | None, key: str, path: str | None) -> list[Any]:
    """What a path selects in all events of a name. An empty list that is there counts as said."""
    if path is None:
        return []
    found: list[Any] = []
    said = False
    for event in _named(events, name):
        data = event.json()
        if data is None:
            continue
        try:
            found += select(path.removesuffix(OPTIONAL), data, answer.request)
        except NotMeasurable:
            continue
        said = True
    if not said and not path.endswith(OPTIONAL):
        raise NotMeasurable(_nothing(key, path, answer, events, name))
    return found


def _nothing(key: str, path: str, answer: Answer, events: Sequence[Event], name: str | None) -> str:
    names = dict.fromkeys(event.name for event in events)
    where = f"any event named {name}" if name else "any event"
    shown = _short(events[0].data) if events else "none"
    return (
        f"{key}: {path} selects nothing in {where} of the stream that answers {answer.request}"
        f" (its events: {', '.join(names) or 'none'}; the first: {shown})"
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:EXCERPT]
