"""Whether a vector store and the database hold the same: no row without a vector, no vector without a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._collections import CollectionParameters, Declared, declared_collections, table_of
from gonogo.stacks.agreement import Disagreement, disagreement, rows_of

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

SECOND_LOOK_SECONDS = 1.0  # a write that was under way is over by then
SHOWN = 10


class StoresAgreeProbe:
    """Compares ids, and texts where the stack file says which column a vector's document is."""

    parameters = CollectionParameters
    needs = frozenset({Capability.SQL})

    def observe(self, context: Context, parameters: CollectionParameters) -> Iterator[Observation]:
        """`missing_vectors`, `orphan_vectors` and `texts_that_differ`, as ids, for each collection."""
        for one in declared_collections(context, parameters):
            found = _look(context, one)
            if found:
                context.deadline.sleep(SECOND_LOOK_SECONDS)
                found = found.lasting(_look(context, one))
            for name, ids in (("missing_vectors", found.missing), ("orphan_vectors", found.orphans)):
                yield _listed(name, one.key, ids, found.compared)
            if one.spec.text is not None:
                yield _listed("texts_that_differ", one.key, found.differing, found.compared)


PROBE = StoresAgreeProbe()


def _listed(name: str, subject: str, ids: set[str], compared: int) -> Observation:
    shown = sorted(ids)[:SHOWN]
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return Observation(
        name=name, subject=subject, value=tuple(shown), n=compared,
        detail=f"{len(ids)} of {compared}: {', '.join(shown)}{more}" if ids else "",
    )  # fmt: skip


def _look(context: Context, one: Declared) -> Disagreement:
    table, dsn = table_of(context, one), context.stack.postgres().dsn()
    before = rows_of(dsn, table, one.spec)
    vectors = {record.id: record.text for record in one.server.records(one.found)}
    return disagreement(before, vectors, rows_of(dsn, table, one.spec), texts=one.spec.text is not None)
