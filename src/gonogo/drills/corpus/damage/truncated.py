"""A file ends too early: a full disk, a copy that was interrupted."""

from __future__ import annotations

import os
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named


class Truncated:
    """Somewhere in the next part of the backup, at a block's end or not."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """Cut one file."""
        spot = chosen(copy, dice)
        at = spot.start + dice.randrange(spot.size)
        if dice.random() < 0.5 and at > 512:
            at -= at % 512
        size = spot.file.stat().st_size
        os.truncate(spot.file, at)
        return f"cut after {at} of {size} bytes, in {named(copy, spot)}"


DAMAGE = Truncated()
