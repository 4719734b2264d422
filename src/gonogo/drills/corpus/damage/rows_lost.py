"""Lines of a dump as SQL are gone, or are there twice, and it still ends as it should."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method

MOST = 40


class RowsLost:
    """Whole lines, so that nothing need look wrong."""

    def suits(self, method: Method) -> bool:
        """SQL that can be read."""
        return method.is_text

    def apply(self, copy: Copy, dice: Random) -> str:
        """A few lines anywhere."""
        lines = copy.path.read_bytes().splitlines(keepends=True)
        first, many = dice.randrange(len(lines)), dice.randrange(1, MOST)
        twice = dice.random() < 0.3
        lines[first : first + many] = lines[first : first + many] * (2 if twice else 0)
        copy.path.write_bytes(b"".join(lines))
        return f"lines {first + 1} to {first + many} {'twice' if twice else 'gone'}"


DAMAGE = RowsLost()
