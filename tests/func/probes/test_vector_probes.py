"""explain and recall on the reference stack: what they see when it is healthy, and when it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.pg.sessions import session
from gonogo.probes import PROBES, explain
from gonogo.stacks.interfaces import Role


def observed(stack: Any, probe: str, **parameters: Any) -> Any:
    """Run a probe and return its recorder."""
    context, recorder = stack.context(f"checks/{probe}")
    found = PROBES.load(probe)
    for observation in found.observe(context, found.parameters.model_validate(parameters)):
        context.observe(observation)
    return recorder


def test_the_largest_tenants_search_is_explained_with_its_index(reference_stack: Any) -> None:
    seen = observed(reference_stack, "explain", table="chunks")
    assert seen.value("index_scan", "acme") is True
    assert seen.value("index_name", "acme") == "chunks_embedding_idx"
    assert 0 < seen.value("rows_examined_fraction", "acme") < 0.05
    assert seen.value("sorts", "acme") is False
    assert seen.value("execution_time", "acme") > 0
    assert 0 < seen.value("buffer_hit_ratio", "acme") <= 1
    assert (seen.value("operator"), seen.value("operator_matches_opclass")) == ("<=>", True)
    evidence = reference_stack.directory.path / seen.observations[0].evidence
    assert json.loads(evidence.read_text())[0]["Plan"]["Node Type"]


def test_the_smallest_tenant_is_rightly_answered_without_the_index(reference_stack: Any) -> None:
    assert (
        observed(reference_stack, "explain", table="chunks", tenant="smallest").value("index_scan", "initech") is False
    )


def test_few_rows_that_are_all_read_say_nothing_of_an_index_that_could_serve(
    reference_stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "FEW_ROWS", 1_000_000)
    seen = observed(reference_stack, "explain", table="chunks", tenant="smallest")
    assert (seen.value("index_scan", "initech"), seen.value("rows_examined_fraction", "initech")) == (None, None)
    (scan,) = [one for one in seen.observations if one.name == "index_scan"]
    assert "chunks_embedding_idx can serve the query" in scan.detail

    unordered = {"table": "chunks", "tenant": "smallest", "query": "SELECT id FROM chunks LIMIT 5"}
    seen = observed(reference_stack, "explain", **unordered)
    assert seen.value("index_scan", "initech") is False  # it could not


def test_a_query_of_the_users_own_is_explained_as_the_tenant(reference_stack: Any) -> None:
    seen = observed(
        reference_stack,
        "explain",
        table="chunks",
        tenant="globex",
        query="SELECT count(*) FROM chunks WHERE position = 0",
    )
    assert seen.value("rows_examined_fraction", "globex") > 0
    assert [one for one in seen.observations if one.name == "operator"] == []


@pytest.mark.parametrize("probe", ["explain", "recall"])
def test_an_unknown_table_or_tenant_is_not_measurable(reference_stack: Any, probe: str) -> None:
    with pytest.raises(NotMeasurable, match="no table passages"):
        observed(reference_stack, probe, table="passages")
    tenant = {"tenant": "nobody"} if probe == "explain" else {"tenants": "nobody"}
    with pytest.raises(NotMeasurable, match="tenant nobody has no rows"):
        observed(reference_stack, probe, table="chunks", **tenant)


def test_a_query_that_cannot_be_explained_is_not_measurable(reference_stack: Any) -> None:
    with pytest.raises(NotMeasurable, match="could not be explained"):
        observed(reference_stack, "explain", table="chunks", query="SELECT nonsense FROM chunks")


@pytest.mark.parametrize("queries", ["corpus", "stored"])
def test_recall_is_measured_for_every_tenant_and_over_all(reference_stack: Any, queries: str) -> None:
    seen = observed(reference_stack, "recall", table="chunks", queries=queries, n=8)
    recalls = {one.subject: one for one in seen.observations if one.name == "recall_at_10"}
    assert set(recalls) == {"acme", "globex", "initech", "all tenants"}
    assert recalls["all tenants"].n == 24
    assert recalls["initech"].value == 1.0  # a tiny tenant is answered exactly
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in recalls.values())
    assert seen.value("results_returned_share", "all tenants") == 1.0


def test_an_exact_plan_has_a_recall_of_one(fresh_stack: Callable[..., Any]) -> None:
    """The oracle agrees with the server's own arithmetic, query by query."""
    stack = fresh_stack()
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute("DROP INDEX chunks_embedding_idx")
    for queries in ("corpus", "stored"):
        seen = observed(stack, "recall", table="chunks", queries=queries, n=10)
        assert [one.value for one in seen.observations if one.name == "recall_at_10"] == [1.0] * 4


def test_a_starved_index_is_seen_by_recall_and_by_missing_results(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute("ALTER ROLE rag_app SET hnsw.ef_search = 10")
        connection.execute("ALTER ROLE rag_app SET hnsw.iterative_scan = off")
    seen = observed(stack, "recall", table="chunks", queries="stored", tenants="globex", n=20)
    (recall,) = [one for one in seen.observations if one.name == "recall_at_10"]
    assert recall.high < 0.8
    assert seen.value("results_returned_share", "globex") < 0.8
    assert "found" in recall.detail


@pytest.mark.parametrize("queries", ["corpus", "stored"])
def test_a_search_that_leaves_rows_out_is_not_held_against_its_index(
    fresh_stack: Callable[..., Any], queries: str
) -> None:
    stack = fresh_stack()
    with session(stack.stack.postgres().dsn(Role.ADMIN), timeout_seconds=10) as connection:
        connection.execute("CREATE POLICY kept ON chunks AS RESTRICTIVE USING (id % 5 > 0)")
    with pytest.raises(NotMeasurable, match=r"the search leaves rows of .*chunks out"):
        observed(stack, "recall", table="chunks", queries=queries, tenants="acme", n=20)
    stack.facts.tables["chunks"] = replace(stack.facts.tables["chunks"], searchable="id % 5 > 0")
    seen = observed(stack, "recall", table="chunks", queries=queries, tenants="acme", n=20)
    assert seen.value("recall_at_10", "acme") > 0.9
