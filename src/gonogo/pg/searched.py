"""Among which rows the application's search looks: what it leaves out by itself, no index can be blamed for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.capture import Captured
from gonogo.pg.replay import replayed, with_vector
from gonogo.pg.sessions import Connection
from gonogo.pg.vectors import Exact, Vectors, as_text

ROWS_TRIED = 5
WITHOUT_INDEX = "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A row that a search should have returned, and did not."""

    key: str
    captured: Captured
    wanted: int  # how many rows it should have returned


def missed_without_index(connection: Connection, table: TableFacts, captured: Captured, exact: Exact) -> list[Missed]:
    """What a search misses that is sent again without any index. Raises psycopg.Error, NotMeasurable."""
    (found,) = replayed(connection, table, [captured], setting=WITHOUT_INDEX)
    return [Missed(key=key, captured=captured, wanted=exact.wanted) for key in exact.keys if key not in found]


def see_that_all_is_searched(
    connection: Connection, table: TableFacts, stored: Vectors, missed: Iterable[Missed]
) -> None:
    """Raise NotMeasurable where the search leaves rows out by itself, as one without deleted rows does.

    Such a row is not found by its own vector either, without any index. What an index misses is. Where the stack file
    says which rows there are to find, each of them has to be. Raises psycopg.Error, too; `connection` is a session of
    the application's role.
    """
    if table.searchable is not None:
        return
    for one in islice(missed, ROWS_TRIED):
        (vector,) = stored.values[stored.keys == one.key]
        if np.all(stored.values == vector, axis=1).sum() >= one.wanted:
            continue  # as many others are as near: it need not be among them
        itself = with_vector(one.captured, as_text(vector))
        if one.key not in replayed(connection, table, [itself], setting=WITHOUT_INDEX)[0]:
            raise NotMeasurable(
                f"the search leaves rows of {table.name} out (row {one.key} is not found by its own vector, without an"
                " index either); which ones it looks among, `searchable:` of the table says in the stack file"
            )
