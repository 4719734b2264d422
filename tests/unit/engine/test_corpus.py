"""Which broken backups are made, and what their matrix says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gonogo.core.outcome import ExitCode
from gonogo.drills.corpus import CONTENTS, DAMAGES, FOUND_BEFORE
from gonogo.drills.corpus.methods import METHODS
from gonogo.engine.corpus.matrix import CorpusMatrix, Judged, Tried, summary
from gonogo.engine.corpus.plan import CorpusOptions, plan, units

OUT = Path("out")
CAUGHT = Tried(
    id="sql/truncated/0", method="sql", mutation="truncated", what="cut", broken="refused", verdict="NO-GO", alone=True
)


def ids(seed: int = 1, members: int | None = None, only: tuple[str, ...] = ()) -> list[str]:
    return [one.id for one in plan(CorpusOptions(out=OUT, seed=seed, members=members, only=only))]


def test_the_same_seed_gives_the_same_members_and_another_one_others() -> None:
    assert ids(members=300) == ids(members=300)
    assert ids(members=50) == ids(members=300)[:50]
    assert ids(seed=2, members=50) != ids(members=50)


def test_every_mutation_and_every_method_is_in_the_first_round() -> None:
    members = plan(CorpusOptions(out=OUT))
    assert {one.mutation for one in members} == {*DAMAGES.names(), *CONTENTS.names()}
    assert {one.method for one in members} == set(METHODS)
    assert len({one.id for one in members}) == len(members)


def test_what_is_made_while_its_database_changes_has_its_own_changes_alone() -> None:
    everything = plan(CorpusOptions(out=OUT, only=("*",), members=3000))
    moving = [one for one in everything if one.method.moving]
    assert {one.method.name for one in moving} == {"chain", "archived", "received", "pgbackrest", "barman"}
    assert not any(one.is_content for one in moving)


def test_what_cannot_be_made_here_is_told() -> None:
    matrix = CorpusMatrix(seed=1, tried=(CAUGHT,), left_out=("barman: here is no barman",))
    assert "left out barman: here is no barman" in summary(matrix, 1.0)
    assert matrix.to_json()["left_out"] == ["barman: here is no barman"]


def test_what_showed_a_mistake_comes_first() -> None:
    assert ids(seed=7)[: len(FOUND_BEFORE)] == list(FOUND_BEFORE)


def test_members_can_be_named() -> None:
    assert ids(only=("base/flipped_bit/31",)) == ["base/flipped_bit/31"]
    assert {one.partition("/")[2] for one in ids(only=("*/no_rows/2",))} == {"no_rows/2"}
    assert ids(only=(FOUND_BEFORE[0],)) == [FOUND_BEFORE[0]]
    assert ids(only=("nothing/at_all/0",)) == []


def test_members_of_one_changed_database_come_together() -> None:
    found = units(plan(CorpusOptions(out=OUT, only=("*/locale/0", "*/truncated/0"))))
    assert {len(unit) for unit in found} == {1, sum(not one.moving for one in METHODS)}


def test_dice_do_not_depend_on_what_else_is_made() -> None:
    first, again = (plan(CorpusOptions(out=OUT, only=(text,)))[0] for text in ("tar/truncated/3", "tar/trunc*/3"))
    assert first.dice().random() == again.dice().random()


@pytest.mark.parametrize(
    ("tried", "judged", "code"),
    [
        (CAUGHT, Judged.CAUGHT, ExitCode.GO),
        (replace(CAUGHT, verdict="refused"), Judged.CAUGHT, ExitCode.GO),
        (replace(CAUGHT, verdict="HOLD"), Judged.HELD, ExitCode.GO),
        (replace(CAUGHT, verdict="GO"), Judged.MISSED, ExitCode.NO_GO),
        (replace(CAUGHT, verdict="PARTIAL"), Judged.MISSED, ExitCode.NO_GO),
        (replace(CAUGHT, broken=None, verdict="GO"), Judged.PASSED, ExitCode.GO),
        (replace(CAUGHT, broken=None, verdict="HOLD"), Judged.ALARM, ExitCode.NO_GO),
        (replace(CAUGHT, broken=None, verdict="NO-GO"), Judged.ALARM, ExitCode.NO_GO),
        (replace(CAUGHT, verdict=""), Judged.NOT_TRIED, ExitCode.HOLD),
    ],
)
def test_what_a_member_shows(tried: Tried, judged: Judged, code: ExitCode) -> None:
    matrix = CorpusMatrix(seed=1, tried=(replace(CAUGHT, id="other"), tried))
    assert (tried.judged, matrix.exit_code) == (judged, code)


def test_nothing_is_shown_by_healthy_ones_alone_or_by_half_a_corpus() -> None:
    assert CorpusMatrix(seed=1, tried=(replace(CAUGHT, broken=None, verdict="GO"),)).exit_code is ExitCode.HOLD
    assert CorpusMatrix(seed=1, tried=(CAUGHT,), interrupted="SIGINT").exit_code is ExitCode.HOLD


def test_the_matrix_counts() -> None:
    matrix = CorpusMatrix(seed=4, tried=(CAUGHT, replace(CAUGHT, id="sql/truncated/1", verdict="GO")))
    assert summary(matrix, 9).startswith("seed 4: 1 of 2 broken backups caught (0 of them HOLD, 1 also without a")
    (cell,) = matrix.to_json()["cells"]
    assert (cell["method"], cell["caught"], cell["missed"]) == ("sql", 1, 1)
