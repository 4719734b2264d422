"""What is read from a plan."""

from __future__ import annotations

from typing import Any

from gonogo.pg.plans import summarise


def scan(kind: str, **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Relation Name": "chunks", "Actual Rows": 10.0, "Actual Loops": 1, **more}


def plan(root: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"Plan": root, "Execution Time": 2.5, **more}]


def test_a_scan_by_the_index_names_it_and_counts_the_rows_thrown_away() -> None:
    node = scan("Index Scan", **{"Index Name": "by_vector", "Rows Removed by Filter": 5})
    found = summarise(plan({"Node Type": "Limit", "Plans": [node]}), {"chunks"})
    assert (found.indexes, found.rows_examined, found.sorted) == (("by_vector",), 15.0, False)
    assert found.execution_seconds == 0.0025


def test_a_sequential_scan_uses_no_index_and_loops_are_multiplied() -> None:
    node = scan("Seq Scan", **{"Actual Rows": 0.5, "Actual Loops": 4, "Rows Removed by Filter": 2})
    found = summarise(plan({"Node Type": "Sort", "Plans": [node]}), {"chunks"})
    assert (found.indexes, found.rows_examined, found.sorted) == ((), 10.0, True)


def test_the_index_of_a_bitmap_scan_counts_for_its_table() -> None:
    node = scan("Bitmap Heap Scan", Plans=[{"Node Type": "Bitmap Index Scan", "Index Name": "by_tenant"}])
    assert summarise(plan(node), {"chunks"}).indexes == ("by_tenant",)


def test_other_tables_do_not_count() -> None:
    other = {**scan("Index Scan", **{"Index Name": "documents_pkey"}), "Relation Name": "documents"}
    found = summarise(plan({"Node Type": "Nested Loop", "Plans": [other, scan("Seq Scan")]}), {"chunks"})
    assert (found.indexes, found.rows_examined) == ((), 10.0)


def test_partitions_count_together_and_buffers_come_from_the_top() -> None:
    parts = [scan("Index Scan", **{"Relation Name": f"chunks_{n}", "Index Name": f"by_vector_{n}"}) for n in (1, 2)]
    root = {"Node Type": "Merge Append", "Plans": parts, "Shared Hit Blocks": 30, "Shared Read Blocks": 10}
    found = summarise(plan(root), {"chunks", "chunks_1", "chunks_2"})
    assert (found.indexes, found.rows_examined) == (("by_vector_1", "by_vector_2"), 20.0)
    assert (found.buffers_hit, found.buffers) == (30, 40)
