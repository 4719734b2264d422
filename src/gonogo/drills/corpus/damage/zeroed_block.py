"""A block of zeros: a hole that a file system left, and the heap page that passes its check sum because it is empty."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named, replaced

SIZES = (512, 4096, 8192)


class ZeroedBlock:
    """A whole block of a file, aligned as file systems do it."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """In the next part of the backup."""
        spot, size = chosen(copy, dice), dice.choice(SIZES)
        at = (spot.start + dice.randrange(spot.size)) // size * size
        size = min(size, spot.file.stat().st_size - at)
        replaced(spot.file, at, size, bytes(size))
        return f"{size} zeros at {at}, in {named(copy, spot)}"


DAMAGE = ZeroedBlock()
