"""Starting the services of a stack: side by side, each after those that it refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from gonogo.core.errors import MissingCapability, UnsupportedStack
from gonogo.stacks.interfaces import RunServices
from gonogo.stacks.order import dependencies, start_order
from gonogo.stacks.references import References
from gonogo.stacks.services import Declared
from gonogo.stacks.started import Started

HANDS = 4  # services that start at a time


def start_all(
    declared: Mapping[str, Declared],
    start: Callable[[Declared], Started],
    *,
    references: References,
    run: RunServices,
    started: dict[str, Started],
) -> None:
    """Start every service into `started`, which also holds those that had started when another one failed.

    An optional service that the runtime cannot have is left out. Raises UnsupportedStack for another one, and the first
    error of a service when those that were starting have come to an end.
    """
    sorter = TopologicalSorter(dependencies(declared))
    sorter.prepare()
    failures: list[BaseException] = []
    going: dict[Future[Started], str] = {}
    with ThreadPoolExecutor(HANDS, thread_name_prefix="gonogo-start") as hands:
        while sorter.is_active() and not failures:
            going |= {hands.submit(start, declared[name]): name for name in sorter.get_ready()}
            done, _ = wait(going, return_when=FIRST_COMPLETED)
            for future in done:
                name = going.pop(future)
                try:
                    started[name] = future.result()
                except MissingCapability as error:
                    failures += _without(declared[name], error, references, run)
                except BaseException as error:  # noqa: BLE001 - those beside it come to an end first; raised below
                    failures.append(error)
                else:
                    references.add(name, started[name].references)
                sorter.done(name)
    started |= {name: future.result() for future, name in going.items() if future.exception() is None}
    for name in start_order(declared):  # in one order always, whichever was quicker
        if name in started:
            started[name] = started.pop(name)
    if failures:
        raise failures[0]


def _without(one: Declared, error: MissingCapability, references: References, run: RunServices) -> list[BaseException]:
    """Leave out an optional service; what is to be raised for another one."""
    if not one.optional:
        failure = UnsupportedStack(f"services.{one.name}: {error}")
        failure.__cause__ = error
        return [failure]
    references.leave_out(one.name)
    run.progress(f"without {one.name}: {error}")
    return []
