"""Something comes after the end: zeros, a line, noise, the same backup once more."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named


class Appended:
    """Behind a file."""

    def suits(self, method: Method) -> bool:
        """Any."""
        return bool(method.name)

    def apply(self, copy: Copy, dice: Random) -> str:
        """Go round what it is."""
        spot = chosen(copy, dice)
        content = spot.file.read_bytes()
        what, more = (
            ("zeros", bytes(dice.choice((1, 512, 10240)))),
            ("a line", b"\n"),
            ("noise", dice.randbytes(dice.randrange(1, 2000))),
            ("itself", content),
        )[dice.randrange(4)]
        spot.file.write_bytes(content + more)
        return f"{what} ({len(more)} bytes) behind the file of {named(copy, spot)}"


DAMAGE = Appended()
