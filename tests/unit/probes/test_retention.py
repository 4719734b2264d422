"""What the retention probe makes of a row that is old enough to be archived."""

from __future__ import annotations

import pytest

from gonogo.probes.retention import OLD, Trial


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
