"""Whether anything came back is decided by what is there, not by an exit code."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gonogo.pg.fingerprint import Fingerprint, TablePrint
from gonogo.runners.drill_report import restored_rows


def fingerprint(rows: Mapping[str, int]) -> Fingerprint:
    tables = {name: TablePrint(rows=count, rows_hash="0", columns={}) for name, count in rows.items()}
    return Fingerprint(algorithm="a", tables=tables, sequences={})


@pytest.mark.parametrize(
    ("rows", "restored", "detail"),
    [
        ({"chunks": 10, "messages": 0}, True, "10 of 10 rows in 2 of 2 tables"),
        ({"chunks": 9, "messages": 0}, True, "9 of 10 rows in 2 of 2 tables"),  # the fingerprint tells
        ({"chunks": 0, "messages": 0}, False, "0 of 10 rows in 2 of 2 tables; empty: chunks"),
        ({"chunks": 10}, False, "10 of 10 rows in 1 of 2 tables; missing: messages"),
        ({}, False, "0 of 10 rows in 0 of 2 tables; missing: chunks, messages"),
    ],
)
def test_restored_means_every_table_and_rows_where_there_were_some(
    rows: Mapping[str, int], restored: bool, detail: str
) -> None:
    observation = restored_rows(fingerprint({"chunks": 10, "messages": 0}), fingerprint(rows))
    assert (observation.value, observation.detail) == (restored, detail)


def test_nothing_restored_from_nothing_is_not_restored() -> None:
    assert restored_rows(fingerprint({}), fingerprint({})).value is False
