"""Comparing fingerprints: every difference is one sentence with its subject."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.pg.fingerprint import Fingerprint, SequencePrint, TablePrint, compare

CHUNKS = TablePrint(rows=10, rows_hash="77", columns={"id": "1", "content": "2", "embedding": "3"})
IDS = SequencePrint(last_value=10, is_called=True)
BEFORE = Fingerprint(
    algorithm="a",
    tables={"public.chunks": CHUNKS},
    sequences={"public.ids": IDS},
    objects={"policy": {"public.chunks.own": "for * using (true)"}, "setting": {"of database rag x": "1"}},
)


def sentences(after: Fingerprint) -> list[str]:
    return [str(difference) for difference in compare(BEFORE, after)]


def with_table(table: TablePrint) -> Fingerprint:
    return replace(BEFORE, tables={"public.chunks": table})


def with_sequence(**changes: int | bool) -> Fingerprint:
    return replace(BEFORE, sequences={"public.ids": replace(IDS, **changes)})  # type: ignore[arg-type]


def test_equal_fingerprints_do_not_differ() -> None:
    assert sentences(BEFORE) == []


def test_missing_rows_are_counted() -> None:
    assert sentences(with_table(replace(CHUNKS, rows=7))) == [
        "table public.chunks: 3 rows missing (10 before, 7 now)",
    ]


def test_rows_too_many_are_counted() -> None:
    assert sentences(with_table(replace(CHUNKS, rows=11))) == [
        "table public.chunks: 1 rows too many (10 before, 11 now)",
    ]


def test_a_changed_column_is_named() -> None:
    changed = replace(CHUNKS, rows_hash="78", columns={**CHUNKS.columns, "embedding": "4"})
    assert sentences(with_table(changed)) == [
        "table public.chunks: the same 10 rows, but values of embedding changed",
    ]


def test_values_that_changed_places_are_noticed_although_every_column_sums_to_the_same() -> None:
    assert sentences(with_table(replace(CHUNKS, rows_hash="78"))) == [
        "table public.chunks: the same 10 rows, but values changed places between rows",
    ]


def test_a_missing_table_is_told_with_its_rows() -> None:
    assert sentences(replace(BEFORE, tables={})) == ["table public.chunks: missing, with 10 rows"]


def test_a_table_out_of_nowhere_is_a_difference() -> None:
    after = replace(BEFORE, tables={**BEFORE.tables, "public.other": CHUNKS})
    assert sentences(after) == ["table public.other: was not there before"]


def test_a_sequence_that_fell_back_is_a_difference() -> None:
    assert sentences(with_sequence(last_value=1)) == [
        "sequence public.ids: fell back from 10 to 1: keys will be given out twice",
    ]
    assert len(sentences(with_sequence(is_called=False))) == 1


def test_a_sequence_that_went_on_is_none() -> None:
    assert sentences(with_sequence(last_value=11)) == []


def test_a_descending_sequence_falls_back_upwards() -> None:
    before = replace(BEFORE, sequences={"public.ids": replace(IDS, last_value=-10, increment=-1)})
    after = replace(BEFORE, sequences={"public.ids": replace(IDS, last_value=-9, increment=-1)})
    assert len(compare(before, after)) == 1
    assert compare(after, before) == ()


@pytest.mark.parametrize(
    ("now", "values"),
    [
        (replace(IDS, last_value=12), 2),
        (replace(IDS, is_called=False), -1),
        (replace(IDS, last_value=4), -6),
    ],
)
def test_how_far_a_sequence_went(now: SequencePrint, values: int) -> None:
    assert now.ahead_of(IDS) == values
    assert replace(now, increment=-2).ahead_of(replace(IDS, increment=-2)) == (-values / 2 if now.is_called else -1)


def test_a_lost_policy_and_a_changed_setting_are_told_apart() -> None:
    after = replace(BEFORE, objects={"setting": {"of database rag x": "2"}})
    assert [(one.kind, one.subject, one.what) for one in compare(BEFORE, after)] == [
        ("policy", "policy public.chunks.own", "missing (was: for * using (true))"),
        ("setting", "setting of database rag x", "changed: was 1, is 2"),
    ]


def test_hashes_of_different_algorithms_are_never_compared() -> None:
    with pytest.raises(NotMeasurable, match="different algorithms"):
        compare(BEFORE, replace(BEFORE, algorithm="b"))
