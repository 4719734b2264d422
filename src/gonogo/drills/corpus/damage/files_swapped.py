"""Two files have each other's names."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Form, Method
from gonogo.drills.corpus.spots import spots

PARTS = ("data", "relation")


class FilesSwapped:
    """The rows of two tables, in one another's file."""

    def suits(self, method: Method) -> bool:
        """Folders of one file for each table."""
        return not method.file and method.form is not Form.TARS

    def apply(self, copy: Copy, dice: Random) -> str:
        """Two files that hold rows."""
        found = sorted({one.file for part in PARTS for one in spots(copy).get(part, [])})
        first, second = dice.sample(found, 2)
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
        return f"swapped: {first.name} and {second.name}"


DAMAGE = FilesSwapped()
