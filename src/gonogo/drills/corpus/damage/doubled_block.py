"""A block of a file is there twice: a transfer that was resumed a little too early."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named, replaced

SIZES = (1, 512, 4096)


class DoubledBlock:
    """Some bytes, once more behind themselves."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """In the next part of the backup."""
        spot, size = chosen(copy, dice), dice.choice(SIZES)
        at = spot.start + dice.randrange(spot.size)
        block = spot.file.read_bytes()[at : at + size]
        replaced(spot.file, at, 0, block)
        return f"{len(block)} bytes twice at {at}, in {named(copy, spot)}"


DAMAGE = DoubledBlock()
