"""One bit is another, anywhere: in headers, tables of contents, rows, pages, WAL, the control file, the manifest."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named, replaced


class FlippedBit:
    """What a disk or memory does."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """In the next part of the backup."""
        spot = chosen(copy, dice)
        at, bit = spot.start + dice.randrange(spot.size), dice.randrange(8)
        was = spot.file.read_bytes()[at]
        replaced(spot.file, at, 1, bytes([was ^ 1 << bit]))
        return f"bit {bit} of byte {at}, {named(copy, spot)}"


DAMAGE = FlippedBit()
