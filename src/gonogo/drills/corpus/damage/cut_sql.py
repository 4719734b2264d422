"""A dump as SQL that ends at a good place: psql takes the end of the file for the end of the rows, and exits with 0."""

from __future__ import annotations

import re
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method

ROWS_BEGIN, ROWS_END = re.compile(rb"^COPY [^\n]*\n", re.MULTILINE), b"\n\\.\n"
LAST = b"--\n-- PostgreSQL database dump complete"
STATEMENT = re.compile(rb";\n\n\n--\n", re.MULTILINE)


class CutSql:
    """Between rows, between statements, within one; or the same with the last line put back."""

    def suits(self, method: Method) -> bool:
        """SQL that can be read."""
        return method.is_text

    def apply(self, copy: Copy, dice: Random) -> str:
        """Go round the places."""
        content = copy.path.read_bytes()
        where = ("between rows", "between statements", "within a statement")[copy.turn % 3]
        at = {"between rows": _row, "between statements": _statement, "within a statement": _within}[where](
            content, dice
        )
        end = b"" if copy.turn // 3 % 2 == 0 else content[content.rindex(b"--\n-- PostgreSQL database dump complete") :]
        copy.path.write_bytes(content[:at] + end)
        return f"cut at {at}, {where}" + (", and the last line put back" if end else "")


def _row(content: bytes, dice: Random) -> int:
    begins = [match.end() for match in ROWS_BEGIN.finditer(content)]
    begin = dice.choice([one for one in begins if content.find(ROWS_END, one - 1) > one])
    rows = content[begin : content.index(ROWS_END, begin - 1) + 1].splitlines(keepends=True)
    return begin + sum(map(len, rows[: dice.randrange(len(rows))]))


def _statement(content: bytes, dice: Random) -> int:
    return dice.choice([match.start() + 2 for match in STATEMENT.finditer(content)])


def _within(content: bytes, dice: Random) -> int:
    match = dice.choice(list(STATEMENT.finditer(content)))
    return max(1, match.start() - dice.randrange(1, 20))


DAMAGE = CutSql()
