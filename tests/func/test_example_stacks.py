"""Stacks of other shapes than the reference: their own checks on embedded, green, and red where a defect is put in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.func.cli.gonogo import gonogo, run_json

HERE = ("--runtime", "embedded")


def outcomes(directory: Path) -> dict[str, str]:
    """What became of each verification that was asked for."""
    findings = run_json(directory)["findings"]
    return {one["id"]: one["outcome"] for one in findings if one.get("skip") not in {"deselected", "not applicable"}}


@pytest.mark.timeout(300)
def test_a_documents_api_with_one_key_alembic_and_embeddings_elsewhere_passes_its_checks(tmp_path: Path) -> None:
    areas = ("api", "connections", "delivery", "vector_index", "observability")
    only = [word for area in areas for word in ("--only", f"checks/{area}/*")]

    ended = gonogo("check", "--stack", "documents", *HERE, *only, "--out", tmp_path / "run")

    seen = outcomes(tmp_path / "run")
    assert {name: outcome for name, outcome in seen.items() if outcome != "PASS"} == {}, ended.err
    assert seen["checks/delivery/migrations_go_back_and_forth"] == "PASS"
    assert seen["checks/vector_index/recall_holds"] == "PASS"
    assert ended.code == 0


@pytest.mark.timeout(600)
def test_a_migration_that_cannot_be_taken_back_and_an_embedding_outage_are_noticed(tmp_path: Path) -> None:
    ids = ("checks/delivery/migrations_go_back_and_forth", "checks/resilience/embedding_outage_is_told")
    only = [word for one in ids for word in ("--only", one)]

    ended = gonogo(
        "selftest", "--stack", "documents", *HERE, *only, "--json", "--out", tmp_path / "selftest", seconds=550
    )

    matrix = json.loads(ended.out)
    busy = "others kept"  # where a time was measured beside other work, it may stay unknown: never green
    assert [row for row in matrix["rows"] if not row["proven"] and busy not in row["reason"]] == [], ended.err
    assert matrix["total"] == 9


@pytest.mark.timeout(200)
def test_a_multi_tenant_stack_passes_what_it_is_there_for(tmp_path: Path) -> None:
    only = ("--only", "checks/isolation/*", "--only", "checks/backup/*", "--only", "checks/replication/*")

    ended = gonogo("check", "--stack", "multi_tenant", *HERE, *only, "--out", tmp_path / "run")

    seen = outcomes(tmp_path / "run")
    assert {name: outcome for name, outcome in seen.items() if outcome != "PASS"} == {}, ended.err
    assert seen["checks/isolation/sessions_belong_to_one_tenant"] == "PASS"
