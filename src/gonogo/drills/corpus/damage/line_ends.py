"""A dump as SQL went through a system that ends lines otherwise."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method


class LineEnds:
    """CR LF everywhere, or the byte order mark that some editors put first."""

    def suits(self, method: Method) -> bool:
        """SQL that can be read."""
        return method.is_text

    def apply(self, copy: Copy, dice: Random) -> str:
        """Either."""
        content = copy.path.read_bytes()
        if copy.turn % 2 == 0:
            copy.path.write_bytes(content.replace(b"\n", b"\r\n"))
            return "CR LF at every line's end"
        mark = dice.choice((b"\xef\xbb\xbf", b"\n\n", b"-- taken at night\n"))
        copy.path.write_bytes(mark + content)
        return f"{mark!r} before the first line"


DAMAGE = LineEnds()
