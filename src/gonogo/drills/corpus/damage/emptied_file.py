"""A file of no length."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named


class EmptiedFile:
    """What is left where a disk was full from the beginning."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """The file of the next part of the backup."""
        spot = chosen(copy, dice)
        spot.file.write_bytes(b"")
        return f"emptied: the file of {named(copy, spot)}"


DAMAGE = EmptiedFile()
