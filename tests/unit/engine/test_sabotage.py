"""Seeded defects on stacks of any shape: what is there is broken under its own name, what is not is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gonogo.core.errors import MissingCapability, UsageError
from gonogo.core.facts import Facts, TableFacts
from gonogo.core.outcome import ExitCode
from gonogo.engine.discover import data_references
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.matrix import Matrix, Row
from gonogo.engine.sabotage import sabotaged
from gonogo.engine.selftest import selftest
from gonogo.spec.content import find_verifications
from gonogo.spec.defect import DefectSpec
from gonogo.spec.loader import Loaded, load
from gonogo.spec.stack import StackSpec

OTHER = """\
stack: other
services:
  postgres:
    kind: postgres
    standbys: {second: {synchronous: true}}
  api:
    kind: http
    command: [python, -m, shop.api]
    workdir: .
    source: shop
    environment: {DSN: "${postgres.url.application}"}
contract: {service: api}
data: {service: postgres}
backups: {nightly: {every: 24h}}
"""


@pytest.fixture
def other(tmp_path: Path) -> Loaded[StackSpec]:
    """A stack of other names, with a source and a wrapper of its own."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/settings.py").write_text("LIMIT = 10\n")
    (tmp_path / "shop_defects/defects").mkdir(parents=True)
    (tmp_path / "shop_defects/defects/forgets.py").write_text('"""It forgets."""\n')
    path = tmp_path / "stack.yaml"
    path.write_text(OTHER)
    return load(path, StackSpec)


def broken(file: Loaded[StackSpec], tmp_path: Path, **defect: Any) -> RunOptions:
    """The options of a run with the defect."""
    given = DefectSpec.model_validate({**defect, "fails": ["x"]})
    return sabotaged(RunOptions(stack=str(file.path)), given, file, tmp_path / "copy")


def test_every_defect_that_comes_with_gonogo_is_possible_on_a_stack_that_does_too(tmp_path: Path) -> None:
    stacks = [read_inputs(RunOptions(stack=path.stem)).stack for path in sorted(Path("config/stacks").glob("*.yaml"))]
    impossible = []
    for identifier, verification in find_verifications().items():
        for defect in verification.spec.defect:
            reasons = []
            for stack in stacks:
                try:
                    sabotaged(RunOptions(), defect, stack, tmp_path)
                except MissingCapability as error:
                    reasons.append(str(error))
            if len(reasons) == len(stacks):
                impossible.append(f"{identifier} [{defect.name}]: {reasons}")
    assert impossible == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("services.db.settings.fsync", "services.postgres.settings.fsync"),
        ("services.db.checksums", "services.postgres.checksums"),
        ("services.db.standbys.replica.synchronous", "services.postgres.standbys.second.synchronous"),
        ("services.app.environment.DSN", "services.api.environment.DSN"),
        ("backups.dump.every", "backups.nightly.every"),
    ],
)
def test_a_change_is_made_where_the_stack_has_the_thing(
    other: Loaded[StackSpec], tmp_path: Path, given: str, expected: str
) -> None:
    options = broken(other, tmp_path, stack={given: "${db.url.admin}"})

    assert {expected: "${postgres.url.admin}"} == options.stack_changes


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ({"stack": {"services.app.environment.POOL_MAX": "40"}}, "api is given no POOL_MAX"),
        ({"stack": {"services.vectors.image": "x"}}, "the stack has no service vectors"),
        ({"stack": {"data.tables.chunks.tenant": None}}, "the stack file has no data.tables"),
        ({"llm": {"hang": True}}, "the stack has no service llm"),
        ({"sql": "SELECT 1", "on": "cache"}, "the stack has no service cache"),
        ({"reference": "search_is_down"}, "shop_defects has no defect search_is_down"),
        ({"files": {"llm.py": {"delete": True}}}, "the application's source has no llm.py"),
        ({"files": {"settings.py": {"replace": "^POOL", "by": ""}}}, "nothing in the source's settings.py"),
    ],
)
def test_a_defect_that_the_stack_cannot_have_says_why(
    other: Loaded[StackSpec], tmp_path: Path, defect: dict[str, Any], reason: str
) -> None:
    with pytest.raises(MissingCapability, match=reason):
        broken(other, tmp_path, **defect)


def test_a_wrapper_takes_the_place_of_the_applications_module(other: Loaded[StackSpec], tmp_path: Path) -> None:
    options = broken(other, tmp_path, reference="forgets")

    assert options.stack_changes == {
        "services.api.command": ["python", "-m", "shop_defects", "--enable-defects", "forgets"]
    }


def test_a_file_that_is_not_there_may_be_added(other: Loaded[StackSpec], tmp_path: Path) -> None:
    options = broken(other, tmp_path, files={".env": {"append": "KEY=1\n"}})

    assert options.application_source is not None
    assert (options.application_source / ".env").read_text() == "KEY=1\n"
    assert (options.application_source / "settings.py").read_text() == "LIMIT = 10\n"


def test_what_already_runs_is_never_broken(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        "stack: live\nruntime: external\nservices: {db: {kind: postgres, dsn: 'postgresql://127.0.0.1:1/x'}}\n"
        "objectives: {rto: 5min, rpo: 25h, search_p95: 300ms, error_rate: 1%}\n"
    )

    with pytest.raises(UsageError, match=r"breaks the stack on purpose, and this one .* already runs"):
        selftest(RunOptions(stack=str(path)), tmp_path / "out", lambda _line: None)
    assert not (tmp_path / "out").exists()


def row(**given: Any) -> Row:
    """A proven row, changed."""
    proven = {
        "id": "checks/a/b", "healthy": "PASS", "defect": "FAIL", "defect_name": "sql: x", "fails": ("one",),
        "red": ("one",),
    }  # fmt: skip
    return Row(**{**proven, **given})


def test_a_verification_that_is_not_green_on_the_healthy_stack_counts_against_it() -> None:
    matrix = Matrix(rows=(row(), row(healthy="FAIL", defect="", red=(), not_green=True)))

    assert matrix.exit_code is ExitCode.NO_GO
    assert (matrix.to_json()["proven"], matrix.to_json()["total"], matrix.to_json()["not_shown"]) == (1, 2, [])


def test_what_cannot_be_shown_is_named_and_not_counted() -> None:
    hidden = row(defect="", red=(), reason="db has no standby")
    matrix = Matrix(rows=(row(), hidden), unseen=(("checks/a/b", "two"),))

    assert matrix.exit_code is ExitCode.GO
    assert matrix.to_json()["not_shown"] == [
        {"id": "checks/a/b", "defect_name": "sql: x", "reason": "db has no standby"}
    ]
    assert matrix.to_json()["unseen"] == [{"id": "checks/a/b", "expectation": "two"}]


def test_strictly_an_expectation_that_nobody_could_see_fail_holds() -> None:
    assert Matrix(rows=(row(),), unseen=(("checks/a/b", "two"),), strict=True).exit_code is ExitCode.HOLD
    assert Matrix(rows=(row(),), strict=True).exit_code is ExitCode.GO


def test_content_says_chunks_for_the_table_of_the_vectors_whatever_it_is_called() -> None:
    tables = {
        "notes": TableFacts(name="public.notes", rows=5, size_bytes=1),
        "passages": TableFacts(name="public.passages", rows=9, size_bytes=1, vector="emb", vectors=9),
        "titles": TableFacts(name="public.titles", rows=3, size_bytes=1, vector="emb", vectors=3),
    }
    facts = Facts(runtime="embedded", tables=tables)

    assert facts.table("chunks") is tables["passages"]
    assert facts.table("documents") is None
    assert data_references(facts)["data.chunks.vector"] == "emb"
    assert "data.chunks.name" not in data_references(Facts(runtime="embedded", tables={"notes": tables["notes"]}))
