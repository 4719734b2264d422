"""Strategies after one disaster on the reference stack: each has its own findings, one fails, all are in the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.runners.strategies import Strategies, Strategy
from gonogo.runners.strategies_report import LeftOut
from gonogo.stacks.context import Context

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

STANDBY, PITR, PLAIN = (f"restore_drills/{name}" for name in ("standby_promoted", "pitr", "pg_dump_plain"))
Drills = dict[str, tuple[Context, "Kept"]]


@contextmanager
def compared(running: Running, **defects: str | None) -> Iterator[tuple[Strategies, Drills]]:
    drills = {f"restore_drills/{name}": running.context(f"restore_drills/{name}", seconds=400) for name in defects}
    strategies = [
        Strategy(
            identifier=identifier, spec=running.inputs.verifications[identifier].spec, recorder=kept,
            artefact_defect=defects[identifier.partition("/")[2]],
        )
        for identifier, (_, kept) in drills.items()
    ]  # fmt: skip
    with Strategies(
        strategies=strategies, left_out=[LeftOut(name="pg_dump", reason="not asked for", possible=True)]
    ) as shared:
        yield shared, drills


def test_one_disaster_and_a_row_for_each(reference_stack: Running) -> None:
    with compared(reference_stack, standby_promoted=None, pitr=None, pg_dump_plain="cut_between_rows") as (one, drills):
        for identifier, (context, _) in drills.items():
            one.restore(identifier, context)
        disasters = {strategy.drill.disaster_at for strategy in one.strategies if strategy.drill}
        made = one.table()

    assert len(disasters) == 1
    assert made is not None
    states = {row[0]: row[1] for row in made.rows}
    assert states == {"standby_promoted": "yes", "pitr": "yes", "pg_dump_plain": "failed", "pg_dump": "left out"}
    lost = {row[0]: row[2] for row in made.rows}
    assert lost["standby_promoted"].startswith("0 of "), "the standby is synchronous"
    owed = [row[2].rpartition(" ")[2] for row in made.rows[:2]]
    assert owed[0] == owed[1], "both are counted against the same writes, up to the disaster"
    kept = {identifier: recorder for identifier, (_, recorder) in drills.items()}
    assert kept[PLAIN].value("restored") is False
    assert kept[PITR].value("rows_after_target") == 0, "its findings are those of the recovery to a moment"
    assert [entry.value for entry in kept[PITR].observations if entry.name == "restored"] == [True]
    assert kept[STANDBY].value("rows_missing_from_backup") == 0
    assert "standby_promoted and pitr" in made.note or "times sooner" in made.note


def test_a_standby_that_would_not_be_promoted_at_the_disaster_is_not_measured(reference_stack: Running) -> None:
    with compared(reference_stack, pg_dump_plain="cut_between_rows", standby_promoted=None) as (one, drills):
        one.restore(PLAIN, drills[PLAIN][0])
        with pytest.raises(NotMeasurable, match="at the disaster itself"):
            one.restore(STANDBY, drills[STANDBY][0])
        made = one.table()
    assert made is not None
    assert [row[:2] for row in made.rows] == [
        ("pg_dump_plain", "failed"), ("standby_promoted", "not measured"), ("pg_dump", "left out"),
    ]  # fmt: skip
