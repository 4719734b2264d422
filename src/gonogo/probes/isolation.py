"""Whether a tenant can reach another one's data: leak probes with a positive control.

A probe that finds nothing proves something only where its owner does find it; else the outcome is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.probes._isolation_ways import Found
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context

WAYS = {
    "api": ("search", "chat", "document", "delete", "overwrite"),
    "sql": ("rows", "no_tenant", "nearest", "session", "write"),
}
API_WAYS = ("search", "chat")  # where a check names none
PLANTING = ("ingest", "delete")
ASKS = {"overwrite": "ingest"}  # the request of a way, where it is not called so


class Parameters(Spec):
    """`through: api` plants a canary document for every tenant and tries to reach it as every other tenant, by

    search (for its text), chat (about it), document (by its id), delete (by its id), overwrite (ingest with its id).
    Where tenants have names in paths, bodies or headers, each also asks in the owner's place, with its own proofs. What
    chats store stays: contracts have no request that deletes it.
    `through: sql` is the application's role, set up as the application sets its own transactions:
    rows (which tenants' rows are visible), no_tenant (rows visible with none, an empty or an unknown tenant), nearest
    (the captured search, by every plan), session (what is left when a transaction has ended), write (handing rows to
    another tenant; rolled back).
    """

    through: Literal["api", "sql"]
    ways: tuple[str, ...] = ()  # default: search, chat; rows, no_tenant, nearest
    vectors: str | None = None  # the table that is searched; default: the first one with a vector column

    @model_validator(mode="after")
    def _known_ways(self) -> Parameters:
        allowed = WAYS[self.through]
        unknown = [way for way in self.ways if way not in allowed]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: through {self.through} allows {', '.join(allowed)}")
        return self


class Isolation:
    """Observes leaks (sentences), owner_finds_own, and errors of the guard."""

    parameters = Parameters
    needs = frozenset({Capability.APPLICATION})

    def undeclared(self, parameters: Parameters, contract: ContractSpec) -> tuple[str, ...]:
        """Through the API: what plants canaries, and the ways; not those that the application is said not to have."""
        if parameters.through == "sql":
            return ()
        asked = {*PLANTING, *(ASKS.get(way, way) for way in _api_ways(parameters, contract))}
        return tuple(sorted(name for name in asked if getattr(contract, name) is None))

    def observe(self, context: Context, parameters: Parameters) -> Iterator[Observation]:
        """Try every way. Raises NotMeasurable, also where an owner does not find what is its own."""
        if len(context.facts.tenants) < 2:
            raise NotMeasurable("the contract names fewer than two tenants, so there is nobody to leak to")
        found = _found(context, parameters)
        if not any(one.leaks for one in found):  # a leak that was seen stands, whatever else could not be measured
            _check_controls(found)
        yield from _observations(context, found)
        if parameters.through == "api":
            yield from _left_out(parameters, context.stack.spec.contract)


def _check_controls(found: Sequence[Found]) -> None:
    for one in found:
        if one.unmeasurable:
            raise NotMeasurable(f"{one.way}: {one.unmeasurable}")
        if not one.controls or not one.tried:
            raise NotMeasurable(f"{one.way}: no owner reached what is its own, so a leak could not have been seen")


def _found(context: Context, parameters: Parameters) -> list[Found]:
    if parameters.through == "api":
        from gonogo.probes._isolation_api import through_api  # noqa: PLC0415 - needs the HTTP client

        return through_api(context, _api_ways(parameters, context.stack.spec.contract))
    from gonogo.probes._isolation_sql import through_sql  # noqa: PLC0415 - needs the driver

    key = parameters.vectors or next((name for name, one in context.facts.tables.items() if one.vector), None)
    return through_sql(context, parameters.ways or ("rows", "no_tenant", "nearest"), vectors=key)


def _api_ways(parameters: Parameters, contract: ContractSpec) -> tuple[str, ...]:
    """The ways, without those that the application is said not to have; all of them where none would be left."""
    ways = parameters.ways or API_WAYS
    return tuple(way for way in ways if ASKS.get(way, way) not in contract.without) or ways


def _left_out(parameters: Parameters, contract: ContractSpec) -> Iterator[Observation]:
    """The ways that the application is said not to have."""
    tried = _api_ways(parameters, contract)
    for way in parameters.ways or API_WAYS:
        if way not in tried:
            detail = f"the contract says that the application has no {ASKS.get(way, way)} request"
            yield Observation(name="leaks", subject=way, value=None, not_applicable=True, detail=detail)


def _observations(context: Context, found: Sequence[Found]) -> Iterator[Observation]:
    lines = [f"{one.way}: {one.sentence}" for one in found]
    leaks = tuple(dict.fromkeys(leak for one in found for leak in one.leaks))
    errors = tuple(dict.fromkeys(error for one in found for error in one.errors))
    evidence = context.recorder.artifact("isolation.txt", "\n".join([*lines, *leaks, *errors]) + "\n")
    tried = sum(one.tried for one in found)
    detail = "; ".join(lines)
    yield Observation(name="leaks", value=leaks, n=tried, evidence=evidence, detail=detail)
    yield Observation(name="errors", value=errors, n=tried, evidence=evidence, detail=detail)
    controls = sum(one.controls for one in found)
    yield Observation(name="owner_finds_own", value=controls > 0, n=controls, evidence=evidence, detail=detail)


PROBE = Isolation()
