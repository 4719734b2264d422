"""How much of production's data a stack holds: what grows with them was measured on that share of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

ENOUGH_DATA = 0.5  # of production: less can fail an objective and never prove that it holds


def data_share(context: Context) -> tuple[Observation, float | None]:
    """The measured data as a share of production's, by the table that is furthest from it; and its inverse."""
    declared = context.stack.spec.data.production_size
    unsaid = [key for key, table in context.facts.tables.items() if table.vector and not declared.get(key)]
    if declared and unsaid:  # a small table beside it would pass for the whole
        detail = f"the stack file's production_size does not say how large {', '.join(unsaid)} is"
        return Observation(name="data_share", value=None, unit="1", detail=detail), None
    shares = {
        key: context.facts.tables[key].rows / rows
        for key, rows in declared.items()
        if key in context.facts.tables and rows
    }
    if not shares:
        detail = "the stack file declares no production_size: which share of production this was, nobody knows"
        return Observation(name="data_share", value=None, unit="1", detail=detail), None
    key = min(shares, key=lambda name: shares[name])
    rows, size = context.facts.tables[key].rows, format_bytes(context.facts.data_size_bytes or 0)
    detail = f"on {rows} of production's {declared[key]} rows of {key}, {size} in all"
    observation = Observation(name="data_share", value=shares[key], unit="1", n=rows, detail=detail)
    return observation, (1 / shares[key] if shares[key] else None)


def too_small(share: Observation) -> bool:
    """Whether times that were measured on such a share prove no upper limit."""
    return not isinstance(share.value, float) or share.value < ENOUGH_DATA


def sampled(context: Context) -> str:
    """On which part of production the stack holds too little to prove times; "" where it is enough, or nobody says."""
    share, _ = data_share(context)
    return share.detail if isinstance(share.value, float) and share.value < ENOUGH_DATA else ""
