"""The application's Prometheus metrics: whether they can be read, are complete, move with traffic and say the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._conversation import Conversation
from gonogo.probes._exposition import Scrape, Selector, read_exposition
from gonogo.probes._steps import StepSpec, left_out_of, traffic_for, undeclared_calls
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context

ABSENT = "absent"
REFUSED = (401, 403, 429)
ARRIVAL_SECONDS, POLL_SECONDS = 3.0, 0.1


class MetricsParameters(Spec):
    """What is looked for. `traffic` is sent between two scrapes, as steps of the http probe; `finally` afterwards.

    `families` must exist; `moves` must change with the traffic; `values` and `increases` name observations and the
    samples that they are taken from, as `name{label="value"}`; labels that are not named are summed over.
    """

    families: tuple[str, ...] = ()
    traffic: tuple[StepSpec, ...] = ()
    finally_: tuple[StepSpec, ...] = Field(default=(), alias="finally")
    moves: tuple[str, ...] = ()
    values: dict[str, str] = Field(default_factory=dict)
    increases: dict[str, str] = Field(default_factory=dict)

    @field_validator("values", "increases")
    @classmethod
    def _selectors(cls, selectors: dict[str, str]) -> dict[str, str]:
        for text in selectors.values():
            Selector.parse(text)
        return selectors

    @model_validator(mode="after")
    def _movement_needs_traffic(self) -> MetricsParameters:
        if (self.moves or self.increases) and not self.traffic:
            raise ValueError("`moves` and `increases` need `traffic` between the two scrapes")
        if any(step.observe for step in self.traffic):
            raise ValueError("`traffic` is only sent: its steps observe nothing")
        return self


class MetricsProbe:
    """Scrapes, sends traffic, scrapes again."""

    parameters = MetricsParameters
    needs = frozenset({Capability.APPLICATION})

    def undeclared(self, parameters: MetricsParameters, contract: ContractSpec) -> tuple[str, ...]:
        """The metrics, and the requests of its traffic."""
        metrics = () if contract.metrics is not None else ("metrics",)
        return (*metrics, *undeclared_calls(traffic_for(parameters.traffic, contract), contract))

    def observe(self, context: Context, parameters: MetricsParameters) -> Iterator[Observation]:
        """parse_errors, missing_families, unmoved, and what `values` and `increases` name."""
        talk = Conversation.on(context.stack, context.deadline)
        try:
            before, text = _settled(talk, parameters)
            traffic = traffic_for(parameters.traffic, context.stack.spec.contract)
            exchanges = [exchange for step in traffic for exchange in talk.perform(step)]
            sent = sum(len(exchange.answers) for exchange in exchanges)
            left_out = left_out_of(parameters.traffic, context.stack.spec.contract)
            after, text = _settled(talk, parameters, before) if parameters.traffic else (before, text)
        finally:
            talk.clean_up(parameters.finally_)
            talk.close()
        evidence = context.recorder.artifact("metrics.txt", text)
        yield Observation(
            name="parse_errors", value=after.errors, n=max(len(after.errors), len(after.samples)), evidence=evidence
        )
        yield from _completeness(parameters, after, evidence)
        yield from _movement(parameters, (before, after), sent, left_out, evidence)


def _settled(talk: Conversation, parameters: MetricsParameters, before: Scrape | None = None) -> tuple[Scrape, str]:
    """A scrape once nothing that was sent is still to be counted: a counter may move after its answer was given, or be
    shown later. Without traffic it is the first one.
    """
    found = _scrape(talk)
    patience = talk.deadline.within(ARRIVAL_SECONDS)
    while parameters.traffic and not patience.expired:
        patience.sleep(POLL_SECONDS)
        last, found = found, _scrape(talk)
        stands_still = _counted(parameters, found[0]) == _counted(parameters, last[0])
        if stands_still and (before is None or _has_moved(parameters, before, found[0])):
            break
    return found


def _counted(parameters: MetricsParameters, scrape: Scrape) -> list[float | None]:
    return [scrape.value(Selector.parse(text)) for text in parameters.increases.values()]


def _has_moved(parameters: MetricsParameters, before: Scrape, after: Scrape) -> bool:
    """Whether everything has that the traffic has to move."""
    counted = zip(_counted(parameters, before), _counted(parameters, after), strict=True)
    moves = [(before.of(name), after.of(name)) for name in parameters.moves]
    return all(then != now for then, now in (*counted, *moves))


def _scrape(talk: Conversation) -> tuple[Scrape, str]:
    """A scrape; an answer other than 200 is its error. Raises NotMeasurable where gonogo may not or cannot look."""
    answer = talk.application.metrics()
    if answer.status is None or answer.status in REFUSED:
        raise NotMeasurable(f"the metrics cannot be fetched: {answer.request} answered {answer.outcome}")
    if not answer.ok:
        return Scrape(errors=(f"{answer.request} answered {answer.outcome}",)), answer.text
    return read_exposition(answer.text, answer.headers.get("content-type", "")), answer.text


def _completeness(parameters: MetricsParameters, after: Scrape, evidence: str) -> Iterator[Observation]:
    selected = [Selector.parse(text).name for text in (*parameters.values.values(), *parameters.increases.values())]
    wanted = [*dict.fromkeys([*parameters.families, *parameters.moves])]
    if wanted:
        missing = tuple(name for name in wanted if not after.has(name))
        yield Observation(name="missing_families", value=missing, n=len(wanted), evidence=evidence)
    for (name, text), sample in zip(parameters.values.items(), selected, strict=False):
        value = after.value(Selector.parse(text))
        detail = "" if value is not None else f"there is no sample {sample}"
        yield Observation(name=name, value=ABSENT if value is None else value, evidence=evidence, detail=detail)


def _movement(
    parameters: MetricsParameters, scrapes: tuple[Scrape, Scrape], sent: int, left_out: str, evidence: str
) -> Iterator[Observation]:
    """What grew between the scrapes. What did not, where a part of the traffic was left out, has no value."""
    before, after = scrapes
    if parameters.moves:
        unmoved = tuple(name for name in parameters.moves if before.of(name) == after.of(name))
        unsure = f"{', '.join(unmoved)} did not move, and {left_out}" if unmoved and left_out else ""
        yield Observation(
            name="unmoved", value=None if unsure else unmoved, n=len(parameters.moves), evidence=evidence, detail=unsure
        )
    for name, text in parameters.increases.items():
        selector = Selector.parse(text)
        increase = (after.value(selector) or 0.0) - (before.value(selector) or 0.0)
        unsure = f"it did not grow, and {left_out}" if not increase and left_out else ""
        yield Observation(
            name=name, value=None if unsure else increase, unit="count", n=sent, evidence=evidence, detail=unsure
        )


PROBE = MetricsProbe()
