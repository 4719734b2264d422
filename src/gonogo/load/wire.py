"""What gonogo and the load generator, two processes, tell each other by files: traffic in, samples out.

Both run on one host, so the instants of both are those of one monotonic clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

SPEC_VARIABLE = "GONOGO_LOAD_SPEC"  # names the file that holds the traffic, in the environment of the generator
TIMEOUT = "timeout"  # the error of a request that was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """One request that may be sent, with all that it takes; its headers may hold secrets."""

    name: str  # samples are grouped by it: search
    key: str  # which one among those of its name: the question's id
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    known: str | None = None  # the document that a right answer holds
    who: str | None = None  # whose login's token its headers hold
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the generator is to do.

    `reads` holds the requests of the contract by name, for reading their answers; `contract` what a login that is made
    again needs; `weights` how often requests of a name are sent, beside those of other names.
    """

    base_url: str
    requests: tuple[PlannedRequest, ...]
    rate: float  # per second
    spacing: str
    seconds: float  # with the warm-up
    seed: int
    timeout_seconds: float  # of one request, from the instant at which it is sent
    in_flight_limit: int  # more requests than this never wait at the same time
    samples: str  # where to write
    reads: Mapping[str, Any] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    captured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # variables by tenant
    weights: Mapping[str, float] = field(default_factory=dict)  # none: all requests alike
    gentle: bool = False  # the first 429 ends it: what is only read is not asked against its own limit
    options: Mapping[str, Any] = field(default_factory=dict)  # for a user's own locustfile

    def to_json(self) -> str:
        """As written for the generator."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, path: Path) -> Traffic:
        """What gonogo wrote."""
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**record, "requests": tuple(PlannedRequest(**one) for one in record["requests"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request and what became of it. Instants are monotonic seconds."""

    name: str
    key: str
    intended_s: float  # when it was due
    sent_s: float  # when the generator came round to it
    ended_s: float  # when the answer was complete, or the request given up
    ok: bool  # a success that can be read; a wrong answer is one
    status: int | None = None  # None: no answer
    error: str = ""  # timeout, refused, reset, unreadable, status 503 …
    correct: bool | None = None  # whether the known document is among the hits; None: nothing to compare
    returned: tuple[str, ...] = ()  # keys of the chunks that came back, best first
    size_bytes: int = 0

    @property
    def latency_seconds(self) -> float:
        """From the intended start: a request that had to wait for its turn has waited."""
        return self.ended_s - self.intended_s

    @property
    def lag_seconds(self) -> float:
        """How late the generator was; no fault of the service."""
        return self.sent_s - self.intended_s

    @property
    def rate_limited(self) -> bool:
        """Whether the service refused because gonogo asked too often: neither good nor bad."""
        return self.status == 429

    def to_json(self) -> dict[str, Any]:
        """One line of a samples file, without what is empty."""
        record = asdict(self)
        return {key: value for key, value in record.items() if value not in (None, "", ()) or key == "ok"}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Sample:
        """The reverse of `to_json`."""
        known = {one.name for one in fields(cls)}
        values = {key: value for key, value in record.items() if key in known}
        return cls(**{**values, "returned": tuple(values.get("returned", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The generator is about to send; `at_s` is the instant from which arrivals count."""

    at_s: float
    planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The generator has ended by itself, with nothing left in flight."""

    due: int  # requests whose instant came before the end
    dropped: int  # of them not sent, because too many were in flight
    unanswered: int  # given up because the end did not wait for them any longer
    cpu_share: float  # of one processor, over the whole run
    cpu_warnings: int  # how often Locust itself found that it was too busy


Line = Sample | Started | Finished
KINDS: dict[str, type[Started | Finished]] = {"started": Started, "finished": Finished}


def line_of(message: Line) -> str:
    """A message as one line of JSON."""
    if isinstance(message, Sample):
        return json.dumps(message.to_json()) + "\n"
    kind = next(name for name, cls in KINDS.items() if isinstance(message, cls))
    return json.dumps({"kind": kind, **asdict(message)}) + "\n"


def read_lines(path: Path) -> Iterator[Line]:
    """All messages so far. A last line that is still being written is left out."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for line in text.split("\n")[:-1]:
        record = json.loads(line)
        kind = KINDS.get(record.pop("kind", ""))
        yield kind(**record) if kind else Sample.from_json(record)
