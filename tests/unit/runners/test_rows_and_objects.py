"""The restored database against the source: losses are told from what others changed on the source meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gonogo.core.finding import Expectation, ExpectationResult
from gonogo.core.outcome import Outcome
from gonogo.judge.expectations import judge_expectation
from gonogo.pg.fingerprint import Fingerprint, TablePrint
from gonogo.runners.restored import rows_and_objects

TABLE = TablePrint(rows=10, rows_hash="1", columns={"id": "1"})
BEFORE = Fingerprint(
    algorithm="a",
    tables={"chunks": replace(TABLE, columns={"id": "1", "embedding": "2"}), "messages": TABLE},
    sequences={},
    objects={
        "index": {"chunks_embedding": "CREATE INDEX", "chunks_pkey": "CREATE UNIQUE INDEX"},
        "setting": {"of database rag hnsw.ef_search": "80"},
    },
)


def observed(after: Fingerprint, later: Fingerprint = BEFORE) -> dict[str, tuple[Any, str]]:
    found = rows_and_objects(BEFORE, after, later, "evidence", vectors="embedding")
    return {one.name: (one.value, one.detail) for one in found if not one.subject}


def judged(after: Fingerprint, later: Fingerprint) -> ExpectationResult:
    found = list(rows_and_objects(BEFORE, after, later, "evidence", vectors="embedding"))
    return judge_expectation(Expectation(observation="fingerprints_differ", matcher="equals", expected=0), found, None)


def with_rows(table: str, rows: int) -> Fingerprint:
    return replace(BEFORE, tables={**BEFORE.tables, table: replace(BEFORE.tables[table], rows=rows)})


def test_equal_databases_do_not_differ() -> None:
    found = observed(BEFORE)
    assert found["fingerprints_differ"] == (0, "20 rows, 5 things equal")
    assert found["settings_lost"][0] == found["broken_indexes"][0] == found["differences"][0] == ()


def test_a_loss_is_counted() -> None:
    value, detail = observed(with_rows("chunks", 8))["fingerprints_differ"]
    assert (value, detail) == (1, "table chunks: 2 rows missing (10 before, 8 now)")


def test_a_table_that_others_wrote_to_is_named_and_the_others_are_judged() -> None:
    found = judged(with_rows("messages", 9), later=with_rows("messages", 12))
    assert (found.outcome, found.actual) == (Outcome.PASS, "0 (n=4)")
    assert found.reason == (
        "not applicable to messages: it was written to meanwhile, not compared: 2 rows too many (10 before, 12 now)"
    )


def test_a_loss_elsewhere_fails_although_others_wrote_to_a_table() -> None:
    found = judged(with_rows("chunks", 8), later=with_rows("messages", 12))
    assert (found.outcome, found.actual) == (Outcome.FAIL, "1 (n=4)")


@pytest.mark.parametrize(
    "later",
    [
        with_rows("chunks", 12),
        replace(BEFORE, tables={name: replace(one, rows=12) for name, one in BEFORE.tables.items()}),
        replace(BEFORE, objects={**BEFORE.objects, "policy": {"chunks": "USING (true)"}}),
    ],
    ids=["the vectors", "everything", "a definition"],
)
def test_what_others_changed_can_be_too_much(later: Fingerprint) -> None:
    found = judged(BEFORE, later)
    assert found.outcome is Outcome.UNKNOWN
    assert found.reason.startswith("others changed the source during the drill: ")


def test_a_loss_elsewhere_counts_although_others_changed_a_table() -> None:
    assert observed(with_rows("chunks", 8), later=with_rows("messages", 12))["fingerprints_differ"][0] == 1


def test_a_lost_setting_stands_by_itself() -> None:
    found = observed(replace(BEFORE, objects={"index": BEFORE.objects["index"]}))
    assert found["settings_lost"][0] == ("of database rag hnsw.ef_search: missing (was: 80)",)
    assert found["fingerprints_differ"][0] == 0


def test_missing_and_invalid_indexes_are_broken() -> None:
    objects = {**BEFORE.objects, "index": {"chunks_pkey": "CREATE UNIQUE INDEX (invalid)"}}
    found = observed(replace(BEFORE, objects=objects))
    assert found["broken_indexes"][0] == ("chunks_embedding", "chunks_pkey")
    assert found["fingerprints_differ"][0] == 2


def test_without_settings_none_can_be_lost() -> None:
    bare = replace(BEFORE, objects={"index": BEFORE.objects["index"]})
    (observation,) = [one for one in rows_and_objects(bare, bare, bare, "evidence") if one.name == "settings_lost"]
    assert (observation.value, observation.not_applicable) == (None, True)
