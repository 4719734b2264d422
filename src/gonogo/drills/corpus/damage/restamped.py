"""The same, stored otherwise: another time in the gzip header, two gzip members, another level, the manifest apart."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import replaced

TIME_AT, TIME_BYTES = 4, 4


class Restamped:
    """Changes that a decompressor does not tell."""

    def suits(self, method: Method) -> bool:
        """gzip, of the whole or of each file."""
        return method.compression == "gzip"

    def apply(self, copy: Copy, dice: Random) -> str:
        """Go round the kinds."""
        file = copy.path if copy.path.is_file() else copy.path / "base.tar.gz"
        what = ("the time in its header", "two members", "not compressed inside", "zeros behind it")[copy.turn % 4]
        match what:
            case "the time in its header":
                replaced(file, TIME_AT, TIME_BYTES, dice.randbytes(TIME_BYTES))
            case "two members":
                _split(file, dice)
            case "not compressed inside":
                file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=0))
            case _:
                file.write_bytes(file.read_bytes() + bytes(512))
        return f"{what}: {file.name}"


def _split(file: Path, dice: Random) -> None:
    content = gzip.decompress(file.read_bytes())
    at = dice.randrange(len(content))
    file.write_bytes(gzip.compress(content[:at], 1) + gzip.compress(content[at:], 1))


DAMAGE = Restamped()
