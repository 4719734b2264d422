"""A file is not there: a segment of WAL, a table of a directory dump, an archive, the manifest."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import chosen, named


class RemovedFile:
    """Of backups that have several."""

    def suits(self, method: Method) -> bool:
        """Folders."""
        return not method.file

    def apply(self, copy: Copy, dice: Random) -> str:
        """The file of the next part of the backup."""
        spot = chosen(copy, dice)
        spot.file.unlink()
        return f"removed: the file of {named(copy, spot)}"


DAMAGE = RemovedFile()
