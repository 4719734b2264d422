"""`gonogo init` as people call it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gonogo.cli import main
from gonogo.core.errors import HarnessError
from gonogo.engine.init.draft import Draft, write
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec

DATA = Path(__file__).parents[2] / "data"
COMPOSE = DATA / "compose/single/docker-compose.yml"


def init(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["init", *map(str, arguments)])


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    out = tmp_path / "new/stack.yaml"
    result = init("--from-compose", COMPOSE, "--out", out)
    assert result.exit_code == 0, result.output
    assert load(out, StackSpec).spec.stack == "notes-search"
    assert f"gonogo doctor --stack {out}" in result.output
    assert "export LOG_LEVEL=info" in result.output
    assert "export JWT_SECRET=…" in result.output


def test_a_file_is_never_overwritten_without_force(tmp_path: Path) -> None:
    out = tmp_path / "stack.yaml"
    out.write_text("mine")
    refused = init("--from-compose", COMPOSE, "--out", out)
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "--force" in refused.output
    assert init("--from-compose", COMPOSE, "--out", out, "--force").exit_code == 0
    assert load(out, StackSpec).spec.stack == "notes-search"


def test_something_that_already_runs_is_only_read(tmp_path: Path) -> None:
    out = tmp_path / "stack.yaml"
    result = init("--external", "--url", "https://rag.example", "--name", "live", "--out", out)
    assert result.exit_code == 0, result.output
    spec = load(out, StackSpec).spec
    assert (spec.runtime, spec.disposable) == ("external", False)
    assert spec.services["db"].model_extra == {"dsn": "${env.DSN}"}
    assert spec.services["app"].model_extra == {"url": "https://rag.example"}


def test_a_password_in_the_url_is_not_written(tmp_path: Path) -> None:
    out = tmp_path / "stack.yaml"
    assert init("--external", "--url", "https://me:hunter2@rag.example", "--out", out).exit_code == 0
    assert "hunter2" not in out.read_text()
    assert load(out, StackSpec).spec.services["app"].model_extra == {"url": "${env.APP_URL}"}
    refused = init("--external", "--openapi", "http://me:hunter2@127.0.0.1:9/x", "--out", tmp_path / "other.yaml")
    assert (refused.exit_code, "hunter2" in refused.output) == (2, False)


def test_an_external_stack_of_a_compose_project_asks_its_published_port(tmp_path: Path) -> None:
    out = tmp_path / "stack.yaml"
    assert init("--external", "--from-compose", COMPOSE, "--out", out).exit_code == 0
    spec = load(out, StackSpec).spec
    assert spec.services["app"].model_extra == {"url": "http://127.0.0.1:8080"}
    assert spec.contract.ready is not None
    assert spec.contract.ready.path == "/health"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--from-compose FILE, or --external"),
        (("--from-compose", "nowhere.yml"), "nowhere.yml"),
        (("--from-compose", str(COMPOSE), "--url", "http://x"), "--url goes with --external"),
        (("--from-compose", str(COMPOSE), "--app", "nobody"), "no service 'nobody'"),
        (("--from-compose", str(COMPOSE), "--openapi", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--from-compose", str(COMPOSE), "--name", "Not A Name"), "no name that a stack may be given"),
    ],
)
def test_mistakes_are_said_and_nothing_is_written(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    out = tmp_path / "stack.yaml"
    result = init(*arguments, "--out", out)
    assert (result.exit_code, out.exists()) == (2, False), result.output
    assert said in result.output


def test_a_draft_that_the_loader_would_refuse_is_not_written(tmp_path: Path) -> None:
    made = Draft(text="stack: x\nservices: {db: {kind: postgres, nonsense: 1}}\n", needs={}, secrets=(), todo=())
    with pytest.raises(HarnessError, match="nonsense"):
        write(made, tmp_path / "stack.yaml", force=False)
    assert list(tmp_path.iterdir()) == []


def test_as_is_names_the_services_of_the_project_and_translates_nothing(tmp_path: Path) -> None:
    project = Path(__file__).parents[2] / "projects" / "reference" / "docker-compose.yml"
    out = tmp_path / "stack.yaml"
    done = init("--from-compose", project, "--as-is", "--out", out)
    assert done.exit_code == 0, done.output
    spec = load(out, StackSpec).spec
    assert {name: one.compose for name, one in spec.services.items()} == {
        "db": "db", "cache": "cache", "llm": None, "app": "app",
    }  # fmt: skip
    assert spec.compose is not None
    assert (out.parent / spec.compose.file[0]).resolve() == project
    assert "POSTGRES" not in out.read_text()
    assert {"READER_PASSWORD", "OWNER_PASSWORD"} <= set(_exported(tmp_path, "library/compose.yml"))
    assert "PGVECTOR_TAG" not in _exported(tmp_path, "library/compose.yml")
    _exported(tmp_path, "assistant/compose.yaml")
    assert load(tmp_path / "again.yaml", StackSpec).spec.services["vectors"].kind == "chroma"
    wrong = init("--external", "--as-is", "--out", tmp_path / "other.yaml")
    assert wrong.exit_code == 2


def _exported(tmp_path: Path, compose: str) -> list[str]:
    """The variables that a person is told to set for one of the projects of strangers, as it is."""
    project = Path(__file__).parents[2] / "projects" / compose
    done = init("--from-compose", project, "--as-is", "--force", "--out", tmp_path / "again.yaml")
    assert done.exit_code == 0, done.output
    return [line.split()[1].partition("=")[0] for line in done.output.splitlines() if line.startswith("  export ")]
