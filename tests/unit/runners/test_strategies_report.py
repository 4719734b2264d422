"""The table of strategies and its advice: what was measured and nothing else, and nobody is left out silently."""

from __future__ import annotations

from typing import Any

from gonogo.runners.strategies_report import COLUMNS, Compared, LeftOut, advice, table


def one(name: str, full: float | None, lost: int | None = 0, **more: Any) -> Compared:
    return Compared(
        name=name, identifier=f"restore_drills/{name}", full_seconds=full, degraded_seconds=full, lost=lost,
        acknowledged=100, rpo_seconds=0.0, holes=0, size_bytes=2**20, made_seconds=1.0, **more,
    )  # fmt: skip


def test_what_was_back_soonest_is_compared_with_the_slowest_and_the_next() -> None:
    text = advice([one("dump", 10.4, 41, age_seconds=1.5), one("standby", 2), one("files", 4, 7)])
    assert text == (
        "standby was back 5.2 times sooner than dump (2.00 s instead of 10.40 s), and lost 0 instead of 41 rows"
        " (backups as old as the drill made them: that of dump 1.50 s)."
        " standby was back 2.0 times sooner than files (2.00 s instead of 4.00 s), and lost 0 instead of 7 rows."
        " Each was measured once, here and on these data."
    )


def test_as_soon_as_each_other_is_no_advantage_and_fewer_rows_lost_are_named() -> None:
    text = advice([one("standby", 1.98, 3), one("pitr", 2, 0)])
    assert text.startswith("standby and pitr were back as soon as each other (1.98 s), and lost 3 instead of 0 rows.")
    assert "pitr lost the fewest: 0 rows instead of standby's 3." in text


def test_what_failed_or_differs_is_in_the_table_and_never_advised() -> None:
    compared = [
        one("dump", 10),
        one("files", 1, wrong=("1 things differ",)),
        one("plain", None, None, failure="cut \x1b[31m"),
        one("wal", None, trouble="no time left"),
    ]
    assert advice(compared) == "Only dump brought everything back, in 10.00 s."
    drawn = table(compared, [LeftOut(name="standby", reason="not applicable: the stack file declares no standbys")])
    assert [row[:2] for row in drawn.rows] == [
        ("dump", "yes"), ("files", "differs"), ("plain", "failed"), ("wal", "not measured"), ("standby", "not here"),
    ]  # fmt: skip
    assert {len(row) for row in drawn.rows} == {len(COLUMNS)}
    remarks = "\n".join(drawn.remarks)
    assert "\x1b" not in remarks
    for words in ("files: 1 things differ", "plain: cut", "wal: no time left", "standby: not applicable"):
        assert words in remarks


def test_losses_that_are_not_known_are_not_compared() -> None:
    assert "what they lost is not known of both" in advice([one("dump", 10, None), one("files", 1)])
    assert advice([one("dump", None, failure="no")]) == "No strategy brought everything back."
