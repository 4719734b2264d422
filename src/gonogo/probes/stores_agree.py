"""Whether a vector store and the database hold the same: no row without a vector, no vector without a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._collections import CollectionParameters, Declared, declared_collections, table_of

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

READ_SECONDS = 60.0
SECOND_LOOK_SECONDS = 1.0  # a write that was under way is over by then
MOST_ROWS = 200_000
SHOWN = 10
Texts = Mapping[str, str | None]  # by id; None where the text is not compared


class StoresAgreeProbe:
    """Compares ids, and texts where the stack file says which column a vector's document is."""

    parameters = CollectionParameters
    needs = frozenset({Capability.SQL})

    def observe(self, context: Context, parameters: CollectionParameters) -> Iterator[Observation]:
        """`missing_vectors`, `orphan_vectors` and `texts_that_differ`, as ids, for each collection."""
        for one in declared_collections(context, parameters):
            missing, orphans, differing, compared = _differences(context, one)
            if missing or orphans or differing:
                context.deadline.sleep(SECOND_LOOK_SECONDS)
                again = _differences(context, one)
                missing, orphans, differing = missing & again[0], orphans & again[1], differing & again[2]
            for name, ids in (("missing_vectors", missing), ("orphan_vectors", orphans)):
                yield _listed(name, one.key, ids, compared)
            if one.spec.text is not None:
                yield _listed("texts_that_differ", one.key, differing, compared)


PROBE = StoresAgreeProbe()


def _listed(name: str, subject: str, ids: set[str], compared: int) -> Observation:
    shown = sorted(ids)[:SHOWN]
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return Observation(
        name=name, subject=subject, value=tuple(shown), n=compared,
        detail=f"{len(ids)} of {compared}: {', '.join(shown)}{more}" if ids else "",
    )  # fmt: skip


def _differences(context: Context, one: Declared) -> tuple[set[str], set[str], set[str], int]:
    """Ids without a vector, vectors without a row, ids whose texts differ, and how many were compared.

    The rows are read before and after the vectors: what was stored or deleted meanwhile is no difference.
    """
    before = _rows(context, one)
    vectors: Texts = {record.id: record.text for record in one.server.records(one.found)}
    after = _rows(context, one)
    lasting = before.keys() & after.keys()
    differing = {
        key for key in lasting & vectors.keys()
        if one.spec.text is not None and before[key] == after[key] != vectors[key]
    }  # fmt: skip
    orphans = vectors.keys() - before.keys() - after.keys()
    return set(lasting - vectors.keys()), set(orphans), differing, len(lasting | vectors.keys())


def _rows(context: Context, one: Declared) -> Texts:
    """Every row's id and text. Raises NotMeasurable."""
    from psycopg import sql  # noqa: PLC0415 - listing and planning need no database driver

    from gonogo.pg.reading import reading  # noqa: PLC0415 - as above

    table = table_of(context, one)
    statement = sql.SQL("SELECT {}::text, {} FROM {} LIMIT {}").format(
        sql.Identifier(one.spec.id),
        sql.SQL("{}::text").format(sql.Identifier(one.spec.text)) if one.spec.text else sql.SQL("NULL"),
        sql.SQL(table.name),  # regclass text: the server has quoted it
        sql.Literal(MOST_ROWS + 1),
    )
    with reading(context.stack.postgres().dsn(), seconds=READ_SECONDS) as connection:
        rows = connection.execute(statement).fetchall()
    if len(rows) > MOST_ROWS:
        raise NotMeasurable(f"{table.name} holds more than {MOST_ROWS} rows")
    return {str(key): text for key, text in rows}
