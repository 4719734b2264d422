"""Requests as a check writes them, and what of them the contract does not name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gonogo.probes._sources import check_source
from gonogo.spec.base import Bytes, Seconds, Spec
from gonogo.spec.contract import RARER, REQUESTS, ContractSpec

OWNER, OTHER, NOBODY, STRANGER, LIMITED = "owner", "other", "nobody", "stranger", "limited"
VALUES = ("id", "title", "text", "query", "k", "session", "message")
Tolerated = Literal[429, "silence"]


class StepSpec(Spec):
    """One request, or several of a kind. Every text may hold `{name}` placeholders.

    `call` names requests of the contract, with `id` … `message` as their values; `send` is any `METHOD /path`.
    `as`: `owner` (the contract's first tenant), `other` (its second), `nobody` (no key), `stranger` (a key that nobody
    has), `limited` (a key whose rate limit may be used up) or a tenant. Lists of calls and identities multiply.
    Placeholders: `{token}`, unique for each run; `{request}`, unique for each request; `{id}`, of the last document
    stored; `{filler}`, a text of the size `filler`; whatever earlier steps captured. `repeat` sends the request that
    often, `until` a status; `patient`: a 429 is waited out here, also where another step may be answered by it, and
    what was used up is let come back. `questions` asks that many of the corpus. `in_body`: what is sent belongs into a
    body, so that the step does not apply to a request of the contract that has none; so it is with every `body`.
    `observe` names observations and what they are taken from (see _sources.py).
    """

    name: str = ""
    call: str | tuple[str, ...] | None = None
    send: str | None = Field(default=None, pattern=r"^[A-Z]+ /\S*$")
    as_: str | tuple[str, ...] = Field(default=OWNER, alias="as")
    id: Any = None
    title: Any = None
    text: Any = None
    query: Any = None
    k: Any = None
    session: Any = None
    message: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json")
    body: str | None = None
    filler: Bytes | None = None
    chunked: bool = False
    in_body: bool = False
    repeat: int = Field(default=1, ge=1, le=1000)
    until: int | None = None
    patient: bool = False
    questions: int | None = Field(default=None, ge=1)
    timeout: Seconds | None = None
    capture: dict[str, str] = Field(default_factory=dict)
    observe: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_request(self) -> StepSpec:
        if (self.call is None) is (self.send is None):
            raise ValueError("a step needs either `call` (a request of the contract) or `send` (METHOD /path)")
        known = (*REQUESTS, *RARER)
        unknown = [name for name in self.calls if name not in known]
        if unknown:
            raise ValueError(f"unknown request {', '.join(unknown)}; the contract knows: {', '.join(known)}")
        if self.questions and self.call != "search":
            raise ValueError("`questions` of the corpus are asked by `call: search`")
        return self

    @field_validator("observe")
    @classmethod
    def _known_sources(cls, observe: dict[str, str]) -> dict[str, str]:
        for source in observe.values():
            check_source(source)
        return observe

    @property
    def calls(self) -> tuple[str, ...]:
        """The contract's requests that it names; none for `send`."""
        return () if self.call is None else (self.call,) if isinstance(self.call, str) else self.call

    @property
    def identities(self) -> tuple[str, ...]:
        """Who asks."""
        return (self.as_,) if isinstance(self.as_, str) else self.as_

    @property
    def values(self) -> dict[str, Any]:
        """The values that it gives for the placeholders of the contract's requests."""
        return {name: getattr(self, name) for name in VALUES if name in self.model_fields_set}


def undeclared_calls(steps: tuple[StepSpec, ...], contract: ContractSpec) -> tuple[str, ...]:
    """The requests that steps cannot do without and that the contract does not declare.

    Of a step with several, those that are declared can be asked: the others are UNKNOWN by their names.
    """

    def declared(name: str) -> bool:
        return getattr(contract, name, None) is not None

    return tuple(name for step in steps if not any(map(declared, step.calls)) for name in step.calls)


def absent(contract: ContractSpec, call: str) -> tuple[bool, str]:
    """Whether the application is said to have no such request, and why it is not sent: else it was only forgotten."""
    if call in contract.without:
        return True, f"the contract says that the application has no {call} request"
    return False, f"the contract declares no {call} request (nor says `without: [{call}]`)"


def traffic_for(steps: tuple[StepSpec, ...], contract: ContractSpec) -> tuple[StepSpec, ...]:
    """Traffic that is only sent, without what the application is said not to have."""
    return tuple(step for step in steps if not step.calls or not set(step.calls) <= set(contract.without))


def left_out_of(steps: tuple[StepSpec, ...], contract: ContractSpec) -> str:
    """Which requests of traffic are not sent, and why; "" where all are."""
    unsent = dict.fromkeys(name for step in steps for name in step.calls if getattr(contract, name, None) is None)
    return "; ".join(absent(contract, name)[1] for name in unsent)
