"""The second table of contents that pg_dump appends where it cannot go back is cut off, or is all that there is."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method

MAGIC = b"PGDMP"


class SecondContents:
    """Only a dump through an append-only output has one."""

    def suits(self, method: Method) -> bool:
        """Written so."""
        return method.appended

    def apply(self, copy: Copy, dice: Random) -> str:
        """Cut it where it begins, or within."""
        content = copy.path.read_bytes()
        begins = content.rindex(MAGIC)
        if begins == 0:
            return "there is none"
        at = begins if copy.turn % 2 == 0 else dice.randrange(begins + 1, len(content))
        copy.path.write_bytes(content[:at])
        return f"cut after {at} of {len(content)} bytes; the second table of contents begins at {begins}"


DAMAGE = SecondContents()
