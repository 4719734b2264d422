"""Drills of a plan compared: they share one disaster, and one table is drawn at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gonogo.core.deadline import Deadline
from gonogo.core.event import TableDrawn
from gonogo.core.outcome import Kind, SkipReason
from gonogo.core.plan import Plan, PlanItem
from gonogo.drills import METHODS
from gonogo.engine.execute import Runner
from gonogo.engine.items import ItemRunner
from gonogo.rundir.directory import Recorder
from gonogo.runners.strategies_report import LeftOut


@contextmanager
def comparing(items: ItemRunner, plan: Plan) -> Iterator[Runner]:
    """A runner of the plan's items whose drills have one disaster in common; the table follows at the end."""
    from gonogo.runners.strategies import Strategies, Strategy

    drills = [item for item in plan.items if _of_the_database(items, item)]
    running = [item for item in drills if item.runs]
    if not running:
        yield items
        return
    specs = {item.id: items.inputs.verifications[item.id].spec for item in drills}
    strategies = [
        Strategy(identifier=one.id, spec=specs[one.id], recorder=Recorder(items.directory, one.id)) for one in running
    ]
    left_out = [_left_out(specs[one.id].method, one) for one in drills if not one.runs]
    with Strategies(strategies=strategies, left_out=left_out) as shared:

        def run(item: PlanItem, deadline: Deadline) -> None:
            if item in running:
                shared.restore(item.id, items.context_of(item, deadline))
            else:
                items(item, deadline)

        yield run
        table = shared.table()
    if table is not None:
        items.directory.append(TableDrawn(id=running[0].id, table=table))


def _of_the_database(items: ItemRunner, item: PlanItem) -> bool:
    """Drills of other stores have another source: they run as ever."""
    return item.kind is Kind.DRILL and items.inputs.verifications[item.id].spec.method in METHODS.names()


def _left_out(method: str, item: PlanItem) -> LeftOut:
    reason = item.unreachable or f"{item.skip.value if item.skip else ''}: {item.reason}"
    possible = item.skip in {SkipReason.DESELECTED, SkipReason.DROPPED}
    return LeftOut(name=method, reason=reason, possible=possible)
