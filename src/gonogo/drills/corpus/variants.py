"""Changes of the database that differ in nothing but their SQL."""

from __future__ import annotations

from random import Random


class Variants:
    """Several of one kind, gone round in turn: what is changed → the SQL that does it.

    `{n}` in either stands for a number of a document (1 to 200), `{m}` for another one.
    """

    def __init__(self, **variants: str) -> None:
        self._variants = {name.replace("_", " "): text for name, text in variants.items()}

    def statements(self, turn: int, dice: Random) -> tuple[str, str]:
        """The next one."""
        name = sorted(self._variants)[turn % len(self._variants)]
        first, second = dice.sample(range(1, 201), 2)
        sql = self._variants[name].replace("{n}", str(first)).replace("{m}", str(second))
        return f"{name} (document {first}, {second})" if "{n}" in self._variants[name] else name, sql
