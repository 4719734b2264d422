"""Rows of a database beside the vectors that a vector store holds of them: which have no counterpart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.spec.stack import CollectionSpec

READ_SECONDS = 60.0
MOST_ROWS = 200_000
Texts = Mapping[str, str | None]  # by id; None where the text is not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Ids of rows without a vector, of vectors without a row, of pairs with other texts; how many were compared."""

    missing: set[str]
    orphans: set[str]
    differing: set[str]
    compared: int

    def __bool__(self) -> bool:
        return bool(self.missing or self.orphans or self.differing)

    def lasting(self, again: Disagreement) -> Disagreement:
        """What is so at a second look as well."""
        return Disagreement(
            missing=self.missing & again.missing, orphans=self.orphans & again.orphans,
            differing=self.differing & again.differing, compared=again.compared,
        )  # fmt: skip


def disagreement(before: Texts, vectors: Texts, after: Texts, *, texts: bool) -> Disagreement:
    """Rows are read before and after the vectors: what was stored or deleted meanwhile is no difference.

    >>> found = disagreement({"1": "a", "2": "b"}, {"2": "x", "3": "c"}, {"1": "a", "2": "b"}, texts=True)
    >>> found.missing, found.orphans, found.differing, found.compared
    ({'1'}, {'3'}, {'2'}, 3)
    """
    lasting = before.keys() & after.keys()
    differing = {key for key in lasting & vectors.keys() if texts and before[key] == after[key] != vectors[key]}
    return Disagreement(
        missing=set(lasting - vectors.keys()), orphans=set(vectors.keys() - before.keys() - after.keys()),
        differing=differing, compared=len(lasting | vectors.keys()),
    )  # fmt: skip


def rows_of(dsn: str, table: TableFacts, collection: CollectionSpec) -> Texts:
    """Every row's id and text. Raises NotMeasurable."""
    from psycopg import sql  # noqa: PLC0415 - listing and planning need no database driver

    from gonogo.pg.reading import reading  # noqa: PLC0415 - as above

    statement = sql.SQL("SELECT {}::text, {} FROM {} LIMIT {}").format(
        sql.Identifier(collection.id),
        sql.SQL("{}::text").format(sql.Identifier(collection.text)) if collection.text else sql.SQL("NULL"),
        sql.SQL(table.name),  # regclass text: the server has quoted it
        sql.Literal(MOST_ROWS + 1),
    )
    with reading(dsn, seconds=READ_SECONDS) as connection:
        rows = connection.execute(statement).fetchall()
    if len(rows) > MOST_ROWS:
        raise NotMeasurable(f"{table.name} holds more than {MOST_ROWS} rows")
    return {str(key): text for key, text in rows}
