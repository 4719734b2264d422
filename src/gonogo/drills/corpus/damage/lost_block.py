"""A block of a file is not there, and what follows has moved up."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named, replaced

SIZES = (1, 100, 512, 4096)


class LostBlock:
    """Some bytes, or a block as a transfer loses it."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """In the next part of the backup."""
        spot, size = chosen(copy, dice), dice.choice(SIZES)
        at = spot.start + dice.randrange(spot.size)
        replaced(spot.file, at, size, b"")
        return f"{size} bytes gone at {at}, in {named(copy, spot)}"


DAMAGE = LostBlock()
