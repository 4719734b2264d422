"""Three Compose projects of strangers: `gonogo init`, at most twenty lines by hand, and there is a verdict.

Each folder holds a project, and the stack file that `gonogo init` wrote from it with the lines that a person added.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.func.cli.gonogo import gonogo, run_json

from gonogo.engine.init.draft import Wanted, draft
from gonogo.stacks.local.cache import cache_folder

HERE = Path(__file__).parent
REFERENCE_API = HERE.parent / "data/openapi/reference.json"
MOST_LINES = 20
API = tuple(
    f"checks/api/{one}"
    for one in (
        "authentication_required", "search_finds_the_known_answer", "unknown_is_404", "delete_deletes",
        "chat_answers_with_sources", "errors_are_structured",
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project of a stranger's."""

    name: str
    compose: str
    api: Path
    environment: dict[str, str]
    said: tuple[str, ...]  # what doctor says of it
    only: tuple[str, ...]  # checks that do not ask for more than was written down; the whole takes its time


PROJECTS = [
    Project(
        name="notes", compose="docker-compose.yml", api=REFERENCE_API,
        environment={
            "API_KEYS": "acme=k-acme-1234567890,globex=k-globex-1234567890", "TENANT_A_KEY": "k-acme-1234567890",
            "TENANT_B_KEY": "k-globex-1234567890",
        },
        said=("search as acme", "document as globex", "ready", "metrics"),
        only=("checks/isolation/*", "checks/backup/*", *API),
    ),
    Project(
        name="assistant", compose="compose.yaml", api=REFERENCE_API,
        environment={"API_KEYS": "me=k-me-123456789012", "TENANT_A_KEY": "k-me-123456789012"},
        said=("search as me", "document as me"),
        only=("checks/backup/*", "checks/security/passwords_are_scram", *API),
    ),
    Project(
        name="library", compose="compose.yml", api=HERE / "library/openapi.yaml",
        environment={
            "CARDS": "acme=card-north-0123456789,globex=card-south-0123456789", "RATE_LIMIT_PER_MINUTE": "6000",
            "TENANT_A_KEY": "card-north-0123456789", "TENANT_B_KEY": "card-south-0123456789",
        },
        said=("search as acme", "document as globex"),
        only=("checks/isolation/*", *API),
    ),
]  # fmt: skip


def written_by_hand(project: Project) -> list[str]:
    """The lines of the kept stack file that `gonogo init` has not written, without empty ones and comments."""
    folder = HERE / project.name
    made = draft(
        Wanted(compose=folder / project.compose, openapi=str(project.api), out=folder / "stack.yaml", name=project.name)
    )
    edited = (folder / "stack.yaml").read_text().splitlines()
    lines = [line for line in difflib.ndiff(made.text.splitlines(), edited) if line.startswith("+ ")]
    return [line[2:] for line in lines if line[2:].strip() and not line[2:].strip().startswith("#")]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda one: one.name)
def test_few_lines_are_written_by_hand(project: Project) -> None:
    lines = written_by_hand(project)
    assert 0 < len(lines) <= MOST_LINES, lines


@pytest.mark.parametrize("project", PROJECTS, ids=lambda one: one.name)
def test_a_strangers_project_reaches_a_verdict(project: Project, tmp_path: Path) -> None:
    if project.name == "assistant":
        _needs_chroma()
    stack = HERE / project.name / "stack.yaml"
    tried = gonogo("doctor", "--stack", stack, "--runtime", "embedded", cwd=tmp_path, environment=project.environment)
    assert tried.code == 0, tried.out + tried.err
    assert [word for word in project.said if f"✓ {word}" not in tried.out] == [], tried.out

    only = [word for one in project.only for word in ("--only", one)]
    ended = gonogo(
        "gate", "--stack", stack, "--runtime", "embedded", *only, "--out", tmp_path / "run",
        environment=project.environment,
    )  # fmt: skip
    record = run_json(tmp_path / "run")
    ran = {one["id"]: (one["outcome"], one["reason"]) for one in record["findings"] if one["outcome"] != "SKIPPED"}
    assert {name: one for name, one in ran.items() if one[0] != "PASS"} == {}, ended.err
    assert len(ran) >= len(project.only)
    assert (ended.code, record["verdict"]) == (0, "PARTIAL")


def test_a_strangers_stack_is_tested_with_the_defects_that_it_can_have(tmp_path: Path) -> None:
    project = next(one for one in PROJECTS if one.name == "library")
    identifiers = ("checks/isolation/application_connects_as_its_role", "checks/api/unknown_is_404", "chaos/failover")
    ended = gonogo(
        "selftest", "--stack", HERE / "library/stack.yaml", "--runtime", "embedded", "--json", "--quiet",
        *(word for one in identifiers for word in ("--only", one)), "--out", tmp_path / "out",
        environment=project.environment,
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    matrix = json.loads(ended.out)
    assert (matrix["proven"], matrix["total"]) == (2, 2), ended.err
    reasons = {one["id"]: one["reason"] for one in matrix["not_shown"]}
    assert "there is no shelf_defects" in reasons["checks/api/unknown_is_404"]
    assert "the stack file declares no standbys" in reasons["chaos/failover"]
    assert {"id": "checks/api/unknown_is_404", "expectation": "status"} in matrix["unseen"]


def _needs_chroma() -> None:
    there = shutil.which("chroma") or (cache_folder() / "chroma/bin/chroma").exists()
    if not there and not os.environ.get("GONOGO_REQUIRE_CHROMA"):
        pytest.skip("there is no chroma: scripts/set-up-chroma makes one")
