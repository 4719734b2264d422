"""gonogo's own SQL lives in queries/*.sql, in blocks that begin with `-- name: <name>`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

from psycopg import sql

# Ends a subquery whose columns are to be computed once, however often they are used. Its 0 has to be a constant of that
# very type from the beginning: any other the planner takes for a limit, and leaves the parallel workers out.
ONCE = sql.SQL("OFFSET '0'::int8")
BLOCK = re.compile(r"^-- name: (?P<name>\w+)\s*$", re.MULTILINE)


@cache
def _blocks(file: str) -> dict[str, LiteralString]:
    text = files("gonogo.pg").joinpath("queries", f"{file}.sql").read_text()
    parts = BLOCK.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def query(file: str, name: str) -> LiteralString:
    """One block of queries/<file>.sql. Raises KeyError for an unknown name."""
    return _blocks(file)[name]  # shipped with the package, never built from input
