"""Where something stands in a file."""

from __future__ import annotations

from typing import NamedTuple

Location = tuple[str | int, ...]  # the keys and indices that lead to it
Marks = dict[Location, tuple[int, int]]  # line and column of each, counted from 1


class Mark(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int
