"""What the team's own backups would lose, from what the stack file says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.core.quantity import format_seconds
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.spec.stack import BackupSpec
    from gonogo.stacks.context import Context


class DeclaredBackupsParameters(Spec):
    """`backups` of the stack file says it all, but for which of them counts."""

    backup: str | None = None  # its name in the stack file; without it the one that exposes least


class DeclaredBackupsProbe:
    """A probe."""

    parameters = DeclaredBackupsParameters
    needs = frozenset[Capability]()

    def observe(self, context: Context, parameters: DeclaredBackupsParameters) -> Iterable[Observation]:
        """`exposed_rpo` (seconds) of the backup that counts, and `exposed_rpo_of_kind` of each one declared.

        The best one counts, since it is the one to restore from: that it can be, the drill of its kind shows. Raises
        NotMeasurable where none is declared, or none of that name.
        """
        backups = context.stack.spec.backups
        if not backups:
            raise NotMeasurable("the stack file declares no backups, so nobody knows how much would be lost")
        chosen = parameters.backup or min(backups, key=lambda name: exposed_seconds(backups[name]))
        if chosen not in backups:
            raise NotMeasurable(f"the stack file declares no backup {chosen} (declared: {', '.join(backups)})")
        yield _observed("exposed_rpo", chosen, backups[chosen])
        for name, backup in backups.items():
            yield _observed("exposed_rpo_of_kind", name, backup)


PROBE = DeclaredBackupsProbe()


def exposed_seconds(backup: BackupSpec) -> float:
    """The age of the newest backup that is safe, at the worst moment: just before the next one is.

    >>> exposed_seconds(BackupSpec(every="24h", takes="20min", shipping="10min")) / 3600
    24.5
    """
    return backup.every + backup.takes + backup.shipping


def _observed(observation: str, name: str, backup: BackupSpec) -> Observation:
    parts = {"every": backup.every, "takes": backup.takes, "shipping": backup.shipping}
    detail = " + ".join(f"{part} {format_seconds(seconds)}" for part, seconds in parts.items() if seconds)
    return Observation(name=observation, subject=name, value=exposed_seconds(backup), unit="s", detail=detail)
