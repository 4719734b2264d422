"""A question about vectors whose answer is known: when a restored database can answer it, and how."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from gonogo.pg import soundness
from gonogo.pg.catalog import quoted
from gonogo.pg.sessions import Connection
from gonogo.pg.soundness import RELATIVE_TIE, VectorIndex

LEAST_SHARE = 0.5  # of the true neighbours, by a search as wide as it gets: a graph is random, a broken one finds none


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A stored vector, the index that finds its neighbours, and how far those really are."""

    index: VectorIndex
    vector: str
    distances: tuple[float, ...] = ()

    def exactly(self, connection: Connection) -> tuple[float, ...]:
        """The distances of the nearest rows by an exact search: no index is needed."""
        near = soundness.nearest(self.index)
        return tuple(
            soundness.distances(connection, near, self.vector, enable_indexscan="off", enable_bitmapscan="off")
        )

    def by_index(self, connection: Connection) -> tuple[float, ...]:
        """The distances of the rows that the index finds; none where the planner cannot answer by it."""
        near = soundness.nearest(self.index)
        if not soundness.uses(connection, near, self.vector, self.index.name):
            return ()
        return tuple(soundness.distances(connection, near, self.vector, enable_seqscan="off", **self.index.widest))

    def is_right(self, found: tuple[float, ...]) -> bool:
        """Whether what an exact search found is the known answer."""
        return len(found) == len(self.distances) and all(
            abs(one - known) <= RELATIVE_TIE * max(abs(known), 1.0)
            for one, known in zip(found, self.distances, strict=True)
        )

    def is_near(self, found: tuple[float, ...]) -> bool:
        """Whether what the index found is as near as an index of this kind can be expected to find it."""
        if not self.distances:
            return False
        limit = max(self.distances) + RELATIVE_TIE * max(abs(max(self.distances)), 1.0)
        return sum(one <= limit for one in found) >= LEAST_SHARE * len(self.distances)


def question_of(connection: Connection) -> Question | None:
    """A question that the largest vector index can answer; None where there is none, or no vector. Takes no time."""
    asked = [one for one in soundness.vector_indexes(connection) if one.valid and not one.why_not_searched]
    for index in sorted(asked, key=lambda one: one.rows, reverse=True):
        assert index.column is not None
        parts = {"column": quoted(index.column), "table": quoted(index.table)}
        statement = "SELECT {column}::text FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
        if row := connection.execute(sql.SQL(statement).format(**parts)).fetchone():
            return Question(index=index, vector=row[0])
    return None
