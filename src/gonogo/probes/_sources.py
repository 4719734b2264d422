"""What a step's answers are looked at for: the small language on the right of `observe:`.

    status            the status, each one that came of several (`until`: the worst); 0 where no answer came, or where
                      a success broke off: a stream that was cut or that carries an error
    refusal           the status; `closed` where a request whose size is all in its URL was cut off without an answer,
                      which is how HTTP servers refuse one; unknown where a body was: the worker may have died of it
    seconds           the time to the last byte, the longest of several
    first_token       the time until a stream held its first text, the longest of several; unknown where none did
    p50, p95, p99     percentiles of the successes; unknown where there are none
    count 429         how many answers had that status
    answered_right    share of the corpus questions whose document was among the hits
    header NAME       a header, "" where it is missing
    $.path            what a JSONPath selects in the body, "" where there is nothing
    text              the body
    error NAME        the `code` or `request_id` of an error, where the contract's `errors` says that it is; "" without
    documents         ids of a search's hits
    answer, sources, turns    of a chat
    leaks             kinds of inside knowledge in the body: stack traces, SQL, drivers, hosts, credentials
    undocumented      requests of the contract that an OpenAPI document does not describe

`SOURCE == TEXT` and `SOURCE contains TEXT` compare, with placeholders; they observe true or false.
"""

from __future__ import annotations

import json as jsonlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.observation import Observation, Scalar
from gonogo.spec.contract import RARER, REQUESTS, RequestSpec
from gonogo.stacks.exchange import OVERLOADED, fill, select
from gonogo.stacks.sse import first_text_seconds

if TYPE_CHECKING:
    from gonogo.stacks.contract import Answer, Application

Value = Scalar | tuple[str, ...]
COMPARISON = re.compile(r"^(?P<source>.+?) (?P<how>==|contains) (?P<text>.+)$")
CUT_OFF = ("RemoteProtocolError", "ReadError", "WriteError")  # the other side closed the connection
CLOSED = "closed"
BODILESS = ("GET ", "HEAD ", "DELETE ")
GROWING = ("search", "chat")  # requests that take longer over more passages
WITH_ARGUMENT = ("header", "count", "error")
LEAKS: Mapping[str, re.Pattern[str]] = {
    "stack trace": re.compile(
        r'Traceback \(most recent call last\)|File "[^"]+", line \d+|^\s+at [\w.$]+\(', re.MULTILINE
    ),
    "SQL": re.compile(r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE\b.+\bSET\b|SQLSTATE", re.DOTALL),
    "driver": re.compile(r"psycopg|asyncpg|sqlalchemy|pg8000|SQLAlchemy|java\.sql|PG::|pgx"),
    "host": re.compile(r"\w+://[^\s\"']+@|\bhost[= ]\S|\b\d{1,3}(?:\.\d{1,3}){3}\b|\bport[= ]\d+"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The answers to one step for one call and identity; `right` counts the corpus questions answered right.

    `until`: the status that ended it. `absent` says why there are none; where that is because the application has no
    such request, it is `not_applicable`.
    """

    subject: str
    call: str | None
    answers: tuple[Answer, ...]
    application: Application
    values: Mapping[str, Any]
    right: int | None = None
    until: int | None = None
    absent: str = ""
    not_applicable: bool = False

    @property
    def last(self) -> Answer:
        """The answer to the last request."""
        return self.answers[-1]

    @property
    def hurried(self) -> bool:
        """Whether it may have come out otherwise on a host that leaves the service its time."""
        never_came = self.until is not None and self.last.code != self.until
        return never_came or any(answer.code in OVERLOADED for answer in self.answers)


def check_source(source: str) -> None:
    """Raises ValueError for a source that does not exist."""
    match = COMPARISON.match(source)
    plain = match["source"] if match else source
    word, _, argument = plain.partition(" ")
    if plain.startswith("$") or plain in SOURCES or (word in WITH_ARGUMENT and argument):
        return
    raise ValueError(
        f"unknown source {plain!r}; known: {', '.join([*SOURCES, 'header …', 'count …', 'error …', '$.path'])}"
    )


def observation(name: str, source: str, exchange: Exchange, evidence: str, *, sample: str = "") -> Observation:
    """Look at an exchange. `sample`: of what part of the data, where they are too few. Raises NotMeasurable."""
    if exchange.absent:
        return Observation(
            name=name, subject=exchange.subject, value=None, n=0, detail=exchange.absent, evidence=evidence,
            not_applicable=exchange.not_applicable,
        )  # fmt: skip
    match = COMPARISON.match(source)
    plain = match["source"] if match else source
    value = _look(plain, exchange)
    if match and value is not None:
        text = str(fill(match["text"], exchange.values))
        value = str(value) == text if match["how"] == "==" else _contains(value, text)
    timed = not match and plain in TIMES
    few = bool(sample) and exchange.call in GROWING
    return Observation(
        name=name,
        subject=exchange.subject,
        value=value,
        unit="s" if timed else "1" if plain == "answered_right" else "",
        n=_samples(plain, exchange),
        load_sensitive=timed or exchange.hurried,
        lower_bound=timed and few,
        evidence=evidence,
        detail=_told(plain, value, exchange.last) or (sample if timed and few else ""),
    )


def _told(source: str, value: Value, answer: Answer) -> str:
    if source == "refusal" and value is None:
        return f"{answer.error}: a refusal, or a worker that died of the body; answer before the connection is closed"
    return answer.outcome if answer.code == 0 else ""


def _samples(source: str, exchange: Exchange) -> int:
    if source == "undocumented":
        return len(_requests_to_describe(exchange))
    return len(_answered(exchange)) if source in PERCENTILES else len(exchange.answers)


def _contains(value: Value, text: str) -> bool:
    return text in value if isinstance(value, tuple) else text in str(value)


def _look(source: str, exchange: Exchange) -> Value:
    if source.startswith("$"):
        return _json(source, exchange.last)
    word, _, argument = source.partition(" ")
    if word == "header":
        return exchange.last.headers.get(argument.lower(), "")
    if word == "count":
        return sum(str(answer.code) == argument for answer in exchange.answers)
    if word == "error":
        paths = exchange.application.contract.errors
        if argument not in paths:
            raise MissingCapability(f"the contract does not say where an error holds its {argument} (errors)")
        return _json(paths[argument], exchange.last)
    return SOURCES[source](exchange)


def _json(path: str, answer: Answer) -> Value:
    """What the path selects; "" where nothing does, also because the body is no JSON."""
    try:
        found = select(path, answer.json(), answer.request)
    except NotMeasurable:
        return ""
    plain = tuple(one if isinstance(one, str) else jsonlib.dumps(one) for one in found)
    if "[*]" in path or len(found) > 1:
        return plain
    return found[0] if isinstance(found[0], (bool, int, float, str)) else plain[0]


def _status(exchange: Exchange) -> Value:
    if exchange.last.code == exchange.until:
        return exchange.until
    statuses = [answer.code for answer in exchange.answers]
    return 0 if 0 in statuses else max(statuses)


def _refusal(exchange: Exchange) -> Value:
    answer = exchange.last
    if answer.status is None and answer.error.startswith(CUT_OFF):
        return CLOSED if answer.request.startswith(BODILESS) else None
    return answer.code


def _seconds(exchange: Exchange) -> Value:
    return max(answer.seconds for answer in exchange.answers)


def _answered(exchange: Exchange) -> list[Answer]:
    return [answer for answer in exchange.answers if answer.ok]


def _percentile(share: float) -> Callable[[Exchange], Value]:
    def look(exchange: Exchange) -> Value:
        seconds = sorted(answer.seconds for answer in _answered(exchange))
        return seconds[math.ceil(share * len(seconds)) - 1] if seconds else None

    return look


def _answered_right(exchange: Exchange) -> Value:
    if exchange.right is None:
        raise NotMeasurable(f"{exchange.subject}: no questions of the corpus were asked")
    return exchange.right / len(exchange.answers)


def _text(exchange: Exchange) -> Value:
    return exchange.last.text


def _documents(exchange: Exchange) -> Value:
    """None where the search failed: that nothing was found then proves nothing."""
    if not exchange.last.ok:
        return None
    return tuple(hit.document for hit in exchange.application.hits_of(exchange.last))


def _of_chat(part: str) -> Callable[[Exchange], Value]:
    """None where the chat failed. Raises MissingCapability where the contract does not say where to look."""

    def look(exchange: Exchange) -> Value:
        answer, spec = exchange.last, exchange.application.spec("chat")
        path = getattr(spec, part)
        if path is None and not (part == "answer" and spec.stream is not None):
            raise MissingCapability(f"the contract does not say where an answer to a chat holds its {part}")
        if not answer.ok:
            return None
        if spec.stream is None:
            return _json(path, answer)
        said = exchange.application.said_in(answer)
        return {"answer": said.text, "sources": said.sources, "turns": "" if said.turns is None else said.turns}[part]

    return look


def _first_token(exchange: Exchange) -> Value:
    """None where an answer did not come whole."""
    spec = exchange.application.spec(exchange.call or "")
    if spec.stream is None:
        raise MissingCapability("the contract does not say that the answer is a stream")
    if not all(answer.ok for answer in exchange.answers):
        return None
    seconds = [first_text_seconds(answer, spec) for answer in exchange.answers]
    return None if None in seconds else max(one for one in seconds if one is not None)


def _leaks(exchange: Exchange) -> Value:
    if exchange.last.status is None:
        return None
    text = exchange.last.text
    found = [kind for kind, pattern in LEAKS.items() if pattern.search(text)]
    callers = exchange.application.callers
    known = (callers.secrets_of(tenant) for tenant in exchange.application.contract.tenants)
    if any(value and value in text for secrets in known for value in secrets.values()):
        found.append("credential")
    return tuple(found)


def _undocumented(exchange: Exchange) -> Value:
    """Contract's requests without a path and method of their own in the OpenAPI document."""
    if not exchange.last.ok:
        return None
    document = exchange.last.json()
    described = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(described, dict):
        raise NotMeasurable(f"{exchange.last.request} answered JSON that is no OpenAPI document")
    known = {(method.upper(), _shape(path)) for path, item in described.items() for method in item}
    return tuple(
        spec.request for spec in _requests_to_describe(exchange) if (spec.method, _shape(spec.path)) not in known
    )


def _requests_to_describe(exchange: Exchange) -> list[RequestSpec]:
    """All that the contract declares, but for the document itself."""
    contract = exchange.application.contract
    declared = [getattr(contract, name) for name in (*REQUESTS, *RARER) if name != "openapi"]
    return [spec for spec in declared if spec is not None]


def _shape(path: str) -> str:
    """A path template without the names of its parameters and its query."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


PERCENTILES = ("p50", "p95", "p99")
TIMES = ("seconds", "first_token", *PERCENTILES)
SOURCES: Mapping[str, Callable[[Exchange], Value]] = {
    "status": _status,
    "refusal": _refusal,
    "seconds": _seconds,
    "first_token": _first_token,
    "p50": _percentile(0.50),
    "p95": _percentile(0.95),
    "p99": _percentile(0.99),
    "answered_right": _answered_right,
    "text": _text,
    "documents": _documents,
    "sources": _of_chat("sources"),
    "answer": _of_chat("answer"),
    "turns": _of_chat("turns"),
    "leaks": _leaks,
    "undocumented": _undocumented,
}
