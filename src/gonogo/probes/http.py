"""Requests to the application, through its contract or raw, and what their answers say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from gonogo.core.errors import NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.probes._conversation import Conversation
from gonogo.probes._sources import Exchange, check_source, observation
from gonogo.probes._steps import StepSpec, Tolerated, undeclared_calls
from gonogo.spec.base import Spec
from gonogo.stacks.scale import sampled

if TYPE_CHECKING:
    from gonogo.core.observation import Observation
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context

TRANSCRIPT = "exchanges.txt"


class HttpParameters(Spec):
    """Steps in their order. `observe` holds for every step that observes nothing of its own.

    A refusal with 429 and no answer at all make the check UNKNOWN, unless `also_answers` says that they are answers
    like any other here. `finally` is always sent, and never judged.
    """

    steps: tuple[StepSpec, ...] = Field(min_length=1)
    observe: dict[str, str] = Field(default_factory=dict)
    also_answers: tuple[Tolerated, ...] = ()
    finally_: tuple[StepSpec, ...] = Field(default=(), alias="finally")

    @field_validator("observe")
    @classmethod
    def _known_sources(cls, observe: dict[str, str]) -> dict[str, str]:
        for source in observe.values():
            check_source(source)
        return observe

    @model_validator(mode="after")
    def _something_is_observed(self) -> HttpParameters:
        if not self.observe and not any(step.observe for step in self.steps):
            raise ValueError("no step observes anything: write `observe: {status: status}` or the like")
        return self


class HttpProbe:
    """Speaks to the application as its clients do."""

    parameters = HttpParameters
    needs = frozenset({Capability.APPLICATION})

    def undeclared(self, parameters: HttpParameters, contract: ContractSpec) -> tuple[str, ...]:
        """The requests of its steps."""
        return undeclared_calls(parameters.steps, contract)

    def observe(self, context: Context, parameters: HttpParameters) -> Iterator[Observation]:
        """What each step's `observe` asks for, with the step's name as subject."""
        talk = Conversation.on(context.stack, context.deadline, parameters.also_answers)
        sample = sampled(context)
        evidence = f"artifacts/{context.recorder.item_id}/{TRANSCRIPT}"
        try:
            if "silence" in parameters.also_answers:
                _insist_on_life(talk)
            for step in parameters.steps:
                for exchange in talk.perform(step):
                    for name, source in (step.observe or parameters.observe).items():
                        first = observation(name, source, exchange, evidence, sample=sample)
                        yield from _seen(first, source, step, exchange)
        finally:
            talk.clean_up(parameters.finally_)
            context.recorder.artifact(TRANSCRIPT, "\n".join(talk.transcript))
            talk.close()


def _seen(first: Observation, source: str, step: StepSpec, exchange: Exchange) -> Iterator[Observation]:
    """Every status that came, not only the highest: where 401 is right, one 200 among many is the finding.

    A step that goes on `until` a status waits for that one.
    """
    yield first
    if source == "status" and step.until is None and exchange.answers:
        others = {answer.code for answer in exchange.answers} - {first.value}
        yield from (replace(first, value=status) for status in sorted(others))


def _insist_on_life(talk: Conversation) -> None:
    """Silence is an answer only of a service that spoke before."""
    request = "live" if talk.application.declares("live") else "search"
    before = talk.application.call(request, tenant=next(iter(talk.application.contract.tenants), None), **talk.values)
    if before.status is None:
        raise NotMeasurable(f"the application does not answer at all: {before.error}")


PROBE = HttpProbe()
