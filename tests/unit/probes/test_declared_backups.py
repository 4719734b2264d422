"""What the declared backups expose: of the best one, or of the one that a check names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.probes.declared_backups import PROBE, DeclaredBackupsParameters
from gonogo.spec.stack import BackupSpec
from gonogo.stacks.context import Context

BACKUPS = {
    "dump": BackupSpec.model_validate({"every": "24h", "takes": "20min"}),
    "archive": BackupSpec.model_validate({"every": "5min", "shipping": "1min"}),
}


def observed(backups: dict[str, BackupSpec], **given: Any) -> dict[tuple[str, str], float]:
    """Value by (name, subject)."""
    context = cast("Context", SimpleNamespace(stack=SimpleNamespace(spec=SimpleNamespace(backups=backups))))
    found = PROBE.observe(context, DeclaredBackupsParameters(**given))
    return {(one.name, one.subject): cast("float", one.value) for one in found}


def test_the_best_one_counts_and_each_is_told() -> None:
    assert observed(BACKUPS) == {
        ("exposed_rpo", "archive"): 360.0,
        ("exposed_rpo_of_kind", "dump"): 87_600.0,
        ("exposed_rpo_of_kind", "archive"): 360.0,
    }


def test_a_check_may_name_the_one_that_counts() -> None:
    assert observed(BACKUPS, backup="dump")["exposed_rpo", "dump"] == 87_600.0


@pytest.mark.parametrize(("backups", "name"), [({}, None), (BACKUPS, "tape")])
def test_none_or_none_of_that_name_cannot_be_judged(backups: dict[str, BackupSpec], name: str | None) -> None:
    with pytest.raises(NotMeasurable, match="declares no backup"):
        observed(backups, backup=name)
