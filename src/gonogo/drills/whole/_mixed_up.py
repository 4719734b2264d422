"""Ways in which copies of several stores do not fit together, on purpose: the drill has to notice each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gonogo.drills.stores._chroma_defects import change_text, drop_segments
from gonogo.drills.whole import Copies

Defect = Callable[[Copies, Copies], Copies]


def vectors_of_yesterday(copies: Copies, yesterday: Copies) -> Copies:
    """The database of today beside the vectors of yesterday."""
    return replace(copies, vectors=yesterday.vectors)


def database_of_yesterday(copies: Copies, yesterday: Copies) -> Copies:
    """The vectors of today beside the database of yesterday."""
    return replace(copies, database=yesterday.database)


def everything_of_yesterday(copies: Copies, yesterday: Copies) -> Copies:
    """Stores that fit together, and bring back what was deleted since."""
    return replace(yesterday, cache=copies.cache, at=copies.at)


def vectors_text_changed(copies: Copies, _yesterday: Copies) -> Copies:
    """One text in the vector store is another one than in the database."""
    change_text(copies.vectors)
    return copies


def vectors_without_index(copies: Copies, _yesterday: Copies) -> Copies:
    """Of the vector store only its database was copied."""
    drop_segments(copies.vectors)
    return copies


def dump_truncated(copies: Copies, _yesterday: Copies) -> Copies:
    """The disk was full."""
    with copies.database.path.open("r+b") as file:
        file.truncate(copies.database.size_bytes * 60 // 100)
    return copies


DEFECTS: Mapping[str, Defect] = MappingProxyType(
    {
        defect.__name__: defect
        for defect in (
            vectors_of_yesterday, database_of_yesterday, everything_of_yesterday, vectors_text_changed,
            vectors_without_index, dump_truncated,
        )
    }
)  # fmt: skip
