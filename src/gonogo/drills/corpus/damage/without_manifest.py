"""A base backup without its manifest, damaged or not: nobody can tell any more whether its files are whole."""

from __future__ import annotations

from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.damage.flipped_bit import FlippedBit
from gonogo.drills.corpus.methods import Form, Method


class WithoutManifest:
    """With a flipped bit in every second one."""

    def suits(self, method: Method) -> bool:
        """Base backups."""
        return method.form in {Form.FILES, Form.TARS}

    def apply(self, copy: Copy, dice: Random) -> str:
        """Remove it."""
        (copy.path / "backup_manifest").unlink()
        flipped = FlippedBit().apply(copy, dice) if copy.turn % 2 else "nothing else"
        return f"no manifest; {flipped}"


DAMAGE = WithoutManifest()
