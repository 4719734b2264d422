"""What the team's own backups would lose, from what the stack file says of them."""

from __future__ import annotations

from collections.abc import Iterable

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.core.quantity import format_seconds
from gonogo.spec.base import Spec
from gonogo.spec.stack import BackupSpec
from gonogo.stacks.context import Context


class DeclaredBackupsParameters(Spec):
    """Nothing to choose: `backups` of the stack file says it all."""


class DeclaredBackupsProbe:
    """A probe."""

    parameters = DeclaredBackupsParameters
    needs = frozenset[Capability]()

    def observe(self, context: Context, parameters: DeclaredBackupsParameters) -> Iterable[Observation]:  # noqa: ARG002 - the protocol
        """`exposed_rpo` (seconds) of the best declared backup. Raises NotMeasurable where none is declared."""
        backups = context.stack.spec.backups
        if not backups:
            raise NotMeasurable("the stack file declares no backups, so nobody knows how much would be lost")
        name, best = min(backups.items(), key=lambda item: exposed_seconds(item[1]))
        parts = {"every": best.every, "takes": best.takes, "shipping": best.shipping}
        detail = " + ".join(f"{part} {format_seconds(seconds)}" for part, seconds in parts.items() if seconds)
        yield Observation(name="exposed_rpo", subject=name, value=exposed_seconds(best), unit="s", detail=detail)


PROBE = DeclaredBackupsProbe()


def exposed_seconds(backup: BackupSpec) -> float:
    """The age of the newest backup that is safe, at the worst moment: just before the next one is.

    >>> exposed_seconds(BackupSpec(every="24h", takes="20min", shipping="10min")) / 3600
    24.5
    """
    return backup.every + backup.takes + backup.shipping
