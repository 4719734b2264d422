"""Ways in which WAL archives go wrong, on purpose: the drill has to notice each. Each gives the broken artefact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gonogo.core.errors import NotMeasurable
from gonogo.drills import Artefact
from gonogo.drills._pg_dump_defects import ledger_row_missing_at_the_source
from gonogo.stacks.context import Context

Defect = Callable[[Context, Artefact, Any], Artefact]


def archive_empty(_context: Context, artefact: Artefact, _parameters: Any) -> Artefact:
    """The receiver wrote somewhere else: what it took is not where the restore looks."""
    artefact.stop()
    segments = [path for path in (artefact.path / "wal").iterdir() if path.is_file()]
    if not segments:
        raise NotMeasurable("the receiver has taken no WAL yet")
    for path in segments:
        path.unlink()
    return artefact


def receiver_died(_context: Context, artefact: Artefact, _parameters: Any) -> Artefact:
    """The receiver ended right after the base backup, and nobody noticed."""
    artefact.stop()
    return artefact


def ledger_row_missing(context: Context, artefact: Artefact, parameters: Any) -> Artefact:
    """An acknowledged row is gone although later ones are there: replayed as it was deleted."""
    ledger_row_missing_at_the_source(context, parameters.service)
    return artefact


DEFECTS: dict[str, Defect] = {defect.__name__: defect for defect in (archive_empty, receiver_died, ledger_row_missing)}
