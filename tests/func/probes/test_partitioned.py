"""Sizes of a partitioned table of vectors: the parent has none, its partitions do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.core.observation import Observation
from gonogo.engine.discover import discover
from gonogo.pg.sessions import session
from gonogo.probes.sql import PROBE, SqlParameters
from gonogo.stacks.interfaces import Role

CHECKS = Path(__file__).parents[3] / "checks"
ROWS = 1200
PARTITIONED = """
ALTER TABLE chunks RENAME TO plain;
CREATE TABLE chunks (id bigint, tenant_id text, content text, embedding vector(384)) PARTITION BY HASH (id);
CREATE TABLE chunks_0 PARTITION OF chunks FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE chunks_1 PARTITION OF chunks FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""
FILLED = """
INSERT INTO chunks
  SELECT n, 'acme', 'text', ARRAY(SELECT random() + 0 * n FROM generate_series(1, 384))::vector
  FROM generate_series(1, 1200) AS n;
CREATE INDEX chunks_vectors ON chunks USING hnsw (embedding vector_cosine_ops);
ANALYZE chunks_0; ANALYZE chunks_1;
"""


@pytest.fixture
def partitioned(fresh_stack: Any) -> Any:
    """A stack whose table of passages has partitions, with an HNSW index on the parent."""
    stack = fresh_stack()
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        for statement in (PARTITIONED + FILLED).split(";"):
            if statement.strip():
                connection.execute(statement)
    return replace(stack, facts=discover(stack.stack))


def observed(stack: Any, check: str) -> list[Observation]:
    parameters = SqlParameters.model_validate(yaml.safe_load((CHECKS / f"{check}.yaml").read_text())["with"])
    context, _ = stack.context("checks/test/sql")
    return list(PROBE.observe(context, parameters))


def one(stack: Any, statement: str) -> Any:
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def test_a_partitioned_index_is_as_large_as_its_partitions(partitioned: Any) -> None:
    parts = "FROM pg_class WHERE relname LIKE 'chunks\\__\\_embedding_idx'"
    indexes = one(partitioned, f"SELECT sum(pg_relation_size(oid))::bigint {parts}")
    largest = one(partitioned, f"SELECT max(pg_relation_size(oid)) {parts}")
    facts: TableFacts = partitioned.facts.tables["chunks"]
    assert indexes > largest > 0
    assert (facts.rows, facts.vector_index, facts.vector_index_bytes) == (ROWS, "chunks_vectors", indexes)
    assert facts.size_bytes > indexes

    shares = {found.name: found.value for found in observed(partitioned, "capacity/vector_index_fits_in_memory")}
    growth = partitioned.stack.spec.data.production_size["chunks"] / ROWS
    buffers, memory = (
        one(partitioned, f"SELECT pg_size_bytes(current_setting('{name}'))")
        for name in ("shared_buffers", "maintenance_work_mem")
    )
    assert shares["share_of_buffers"] == pytest.approx(indexes * growth / buffers, rel=1e-6)
    assert shares["share_of_build_memory"] == pytest.approx(1.15 * largest * growth / memory, rel=1e-6)

    passage = {found.name: found for found in observed(partitioned, "capacity/size_of_a_passage_is_known")}
    assert float(str(passage["bytes_per_row"].value)) == pytest.approx(facts.size_bytes / ROWS)
    assert passage["bytes_per_row"].n == ROWS

    (fits,) = observed(partitioned, "vector_index/index_fits_in_memory")
    assert (fits.value, fits.n) == ((), 1)
    with session(partitioned.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET maintenance_work_mem = '1MB'")
    (fits,) = observed(partitioned, "vector_index/index_fits_in_memory")
    assert isinstance(fits.value, tuple)
    named = [subject.partition(":")[0] for subject in fits.value]
    assert named == ["chunks_0_embedding_idx", "chunks_1_embedding_idx"]


def test_an_index_without_any_size_is_not_measurable(partitioned: Any) -> None:
    """Its only parts are gone, as of a parent whose rows lie elsewhere."""
    with session(partitioned.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute("DROP TABLE chunks_0, chunks_1")
    assert {found.value for found in observed(partitioned, "capacity/vector_index_fits_in_memory")} == {None}
    with pytest.raises(NotMeasurable, match="nothing to examine"):
        observed(partitioned, "vector_index/index_fits_in_memory")


def test_a_partition_that_was_never_analysed_leaves_the_size_unknown(partitioned: Any) -> None:
    with session(partitioned.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute("UPDATE pg_class SET reltuples = -1 WHERE relname = 'chunks_1'")
    for check in ("capacity/vector_index_fits_in_memory", "capacity/size_of_a_passage_is_known"):
        assert {found.value for found in observed(partitioned, check)} == {None}
