"""Names for SQL: what a check's statements may refer to, and how its `:name` parameters become the driver's."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from psycopg import sql as compose

# Everything in which a colon is not the beginning of a parameter comes first and is passed over.
TOKEN = re.compile(
    r"""
      (?P<skip> '(?:[^']|'')*'                # text
              | "(?:[^"]|"")*"                # a quoted name
              | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
              | --[^\n]*
              | /\*.*?\*/
              | ::                            # a cast
      )
    | (?<![\w:]):(?P<name>[a-z_]+)\b
    | (?P<percent>%)
    """,
    re.VERBOSE | re.DOTALL,
)


def with_parameters(statement: str, known: Collection[str]) -> tuple[str, frozenset[str]]:
    """A statement for the driver, and the parameters that it uses. Unknown names are left to the server to refuse.

    >>> with_parameters("SELECT ':tables', a::text LIKE '%' FROM unnest(:tables::text[])", {"tables"})
    ("SELECT ':tables', a::text LIKE '%%' FROM unnest(%(tables)s::text[])", frozenset({'tables'}))
    """
    used: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name in known:
            used.add(name)
            return f"%({name})s"
        return match[0].replace("%", "%%")

    return TOKEN.sub(replace, statement), frozenset(used)


def quoted(text: str) -> compose.SQL:
    """SQL that was quoted before: regclass text from the server, or an expression of `row_key`."""
    return compose.SQL(text)


def row_key(primary_key: Sequence[str]) -> str:
    """An SQL expression that names a row: its primary key, or its place where there is none.

    >>> row_key(["id"]), row_key(["tenant", "id"]), row_key([])
    ('"id"', 'ROW("tenant", "id")', 'ctid')
    """
    columns = [compose.Identifier(column).as_string(None) for column in primary_key]
    if not columns:
        return "ctid"
    return columns[0] if len(columns) == 1 else f"ROW({', '.join(columns)})"
