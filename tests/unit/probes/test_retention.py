"""What the retention probe makes of a row that is old enough to be archived."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.probes.retention import OLD, Trial

if TYPE_CHECKING:
    from gonogo.spec.stack import RetentionSpec
    from gonogo.stacks.context import Context
    from gonogo.stacks.contract import Application


@pytest.mark.parametrize(
    ("rows", "archived", "wrong"),
    [(1, 1, []), (1, 0, ["old"]), (0, 0, ["old: is gone"])],
    ids=["archived", "left as it was", "deleted instead"],
)
def test_only_a_row_that_is_there_and_bears_the_mark_is_archived(
    monkeypatch: pytest.MonkeyPatch, rows: int, archived: int, wrong: list[str]
) -> None:
    monkeypatch.setattr(Trial, "_row", lambda *_: (rows, archived))
    trial = Trial.__new__(Trial)
    trial.ids = {OLD: "1"}

    assert trial._not_archived() == wrong


def trial(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Trial:
    """A trial whose database and application answer from these lists, the last one again and again."""

    def answer(name: str) -> Callable[..., Any]:
        given = iter(answers[name][:-1])
        return lambda *_, **__: next(given, answers[name][-1])

    for name in answers:
        monkeypatch.setattr(Trial, name, answer(name))
    made = Trial.__new__(Trial)
    made.context = cast("Context", SimpleNamespace(deadline=Deadline.after(60)))
    made.application = cast("Application", SimpleNamespace(declares=lambda name: name == "document"))
    made.rule = cast("RetentionSpec", SimpleNamespace(runs="declared", every=60.0))
    return made


def test_a_job_that_is_still_at_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trial(
        monkeypatch, _store=[None], _set_back=[None], _run_job=[5.0], _lost=[[]],
        _left=[([OLD], ["messages"], [], []), ([], [], [], [])],
    )  # fmt: skip
    assert {one.name: one.value for one in made.made_old()} == {
        "not_archived": (), "expired_rows_left": (), "expired_answers": (), "archived_found": (), "young_rows_lost": (),
    }  # fmt: skip


def test_a_job_that_leaves_rows_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trial(
        monkeypatch, _store=[None], _set_back=[None], _run_job=[0.3], _lost=[[]], _left=[([], ["messages"], [], [])]
    )
    assert {one.name: one.value for one in made.made_old()}["expired_rows_left"] == ("messages",)


def test_the_first_run_of_a_job_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = trial(monkeypatch, _age_of_last_run=[None, None, 6.0]).runs_missed()
    assert missed is not None
    assert missed.value == pytest.approx(0.1)
