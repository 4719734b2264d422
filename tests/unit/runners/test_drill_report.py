"""Whether anything came back is decided by what is there, not by an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.facts import Facts, TableFacts
from gonogo.pg.fingerprint import Fingerprint, TablePrint
from gonogo.runners.drill_report import restored_rows
from gonogo.stacks.scale import data_share


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


@pytest.mark.parametrize("rows", [{}, {"chunks": 0, "messages": 0}])
def test_nothing_restored_from_nothing_proves_nothing(rows: Mapping[str, int]) -> None:
    assert restored_rows(fingerprint(rows), fingerprint(rows)).n == 0


@pytest.mark.parametrize(
    ("production", "share"),
    [
        ({"chunks": 20, "documents": 2}, 0.5),
        ({"chunks": 10}, 1.0),
        ({"documents": 2}, None),  # the table with the vectors decides how long a restore takes
        ({"chunks": 0}, None),
        ({}, None),
    ],
)
def test_a_small_table_does_not_pass_for_the_whole(production: dict[str, int], share: float | None) -> None:
    tables = {
        "chunks": TableFacts(name="chunks", rows=10, size_bytes=1, vector="embedding"),
        "documents": TableFacts(name="documents", rows=2, size_bytes=1),
    }
    spec = SimpleNamespace(data=SimpleNamespace(production_size=production))
    context: Any = SimpleNamespace(stack=SimpleNamespace(spec=spec), facts=Facts(runtime="embedded", tables=tables))
    observation, scale = data_share(cast("Any", context))
    assert (observation.value, scale) == (share, 1 / share if share else None)
