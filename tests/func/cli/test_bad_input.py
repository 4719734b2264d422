"""Wrong input and broken surroundings: one clear message, the right exit code, never a traceback, never GO."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from tests.func.cli.gonogo import Ended, gonogo, run_json

from gonogo.spec.content import shipped_content

EXTERNAL = """\
stack: living
runtime: external
services:
  db: {kind: postgres, dsn: "${env.DSN}"}
  app: {kind: http, url: "${env.APP_URL}", ready: /readyz}
contract:
  tenants: {acme: {headers: {X-API-Key: "${env.ACME_KEY}"}}}
  live: GET /livez
  ready: GET /readyz
  search: {request: POST /search, json: {query: "{query}", k: "{k}"}, hits: "$.hits[*]", hit: {document: $.document_id}}
data: {tables: {chunks: {tenant: tenant_id, vector: embedding}}}
backups: {dump: {every: 24h}}
objectives: {rto: 5min, rpo: 25h, search_p95: 300ms, error_rate: 1%}
"""
SQL_CHECK = "checks/security/passwords_are_scram"
API_CHECK = "checks/api/search_finds_the_known_answer"


def assert_told(ended: Ended, code: int, *parts: str) -> None:
    """The exit code, the message, and no traceback."""
    text = ended.out + ended.err
    assert ended.code == code, text
    assert "Traceback" not in text
    for part in parts:
        assert part in " ".join(text.split())


def test_broken_yaml_is_told_with_file_and_line_before_anything_starts(tmp_path: Path) -> None:
    folder = tmp_path / "checks" / "api"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("title: A sentence that is long enough\nprobe: http\nseverty: high\n")
    ended = gonogo("gate", "--content", tmp_path, "--out", tmp_path / "run")
    assert_told(ended, 2, "mine.yaml:3:1: severty: unknown key; did you mean 'severity'?")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gate", "--only", "checks/api/nonsense"), "names no verification"),
        (("gate", "--stack", "refrence"), "did you mean 'reference'"),
        (("gate", "--suite", "absent.yaml"), "suite file absent.yaml does not exist"),
        (("gate", "--runtime", "kubernetes"), "'kubernetes' is not one of"),
        (("explain", "chaos/failver"), "did you mean chaos/failover?"),
        (("judge", "/"), "is not a run directory"),
        (("gate", "--max-duration", "soon"), "is not a quantity such as 30s"),
        (("gate", "--skip", "*"), "nothing is selected"),
        (("down", "20200101-000000-000000"), "no stack is kept up by"),
        (("schema", "nonsense"), "name one of: stack, suite"),
    ],
)
def test_a_usage_error_is_exit_2_and_says_what_is_known(arguments: tuple[str, ...], message: str) -> None:
    assert_told(gonogo(*arguments), 2, message)


def test_parameters_of_a_probe_are_checked_where_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "checks" / "security"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "title: A sentence that is long enough\nprobe: sql\nwith:\n  examned: SELECT 1\n  violations: SELECT 1\n"
    )
    ended = gonogo("plan", "--content", tmp_path)
    assert_told(ended, 2, "mine.yaml:4:3: with.examned: unknown key; did you mean 'examined'?")


@pytest.fixture
def external(tmp_path: Path) -> Path:
    path = tmp_path / "external.yaml"
    path.write_text(EXTERNAL)
    return path


def on_external(external: Path, dsn: str, *only: str) -> Ended:
    words = [word for one in only for word in ("--only", one)]
    environment = {"DSN": dsn, "APP_URL": "http://127.0.0.1:9", "ACME_KEY": "a-secret-key"}
    return gonogo("gate", "--stack", external, *words, "--out", external.parent / "run", environment=environment)


def test_a_stopped_database_holds_the_verdict_with_the_reason_in_one_line(external: Path) -> None:
    ended = on_external(external, "host=127.0.0.1 port=9 dbname=rag user=x password=wrong-one", SQL_CHECK)
    assert_told(ended, 3, "HOLD", "is not proven: db: connection failed", "Connection refused")
    assert "wrong-one" not in "".join(path.read_text() for path in (external.parent / "run").rglob("*.json"))


def test_an_application_that_does_not_answer_holds_the_verdict(external: Path) -> None:
    ended = on_external(external, "host=127.0.0.1 port=9 dbname=rag user=x", API_CHECK)
    assert_told(ended, 3, "HOLD", "does not answer")


@pytest.mark.parametrize(
    ("change", "part"),
    [({"password": "wrong-password"}, "password authentication failed"), ({"dbname": "template1"}, "does not exist")],
    ids=["wrong password", "empty database"],
)
def test_a_database_that_tells_nothing_is_no_go_or_hold(
    external: Path, reference_stack: object, change: dict[str, str], part: str
) -> None:
    dsn = make_conninfo(reference_stack.stack.postgres().dsn(), **change)  # type: ignore[attr-defined]
    ended = on_external(external, dsn, "checks/vector_index/index_is_valid", "checks/isolation/row_security_is_forced")
    assert ended.code in {1, 3}
    assert_told(ended, ended.code, part)


def test_a_missing_environment_variable_is_named(external: Path, tmp_path: Path) -> None:
    ended = gonogo("gate", "--stack", external, "--only", SQL_CHECK, "--out", tmp_path / "run")
    assert_told(ended, 3, "environment variable DSN is not set")


def reference_with(tmp_path: Path, old: str, new: str) -> Path:
    """The reference stack file with one change, its paths absolute."""
    text = (shipped_content() / "config/stacks/reference.yaml").read_text()
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new).replace("../..", str(shipped_content())))
    return path


def test_a_model_that_is_down_is_never_a_go(tmp_path: Path) -> None:
    stack = reference_with(tmp_path, "{kind: openai_stub}", "{kind: openai_stub, behaviour: {outage: true}}")
    ended = gonogo(
        "gate", "--stack", stack, "--runtime", "embedded", "--only", "checks/api/*", "--out", tmp_path / "run"
    )
    assert_told(ended, ended.code, "chat")
    assert ended.code in {1, 3}
    assert run_json(tmp_path / "run")["verdict"] in {"NO-GO", "HOLD"}


def test_an_application_that_does_not_start_holds_with_its_own_last_words(tmp_path: Path) -> None:
    stack = reference_with(
        tmp_path, "command: [python, -m, reference_rag] ", "command: [python, -c, 'raise SystemExit(7)'] "
    )
    ended = gonogo("gate", "--stack", stack, "--runtime", "embedded", "--only", API_CHECK, "--out", tmp_path / "run")
    assert_told(ended, 3, "HOLD", "the stack did not start", "exit code 7")


def test_an_out_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = gonogo("gate", "--only", SQL_CHECK, "--out", tmp_path / "file" / "run")
    assert_told(ended, 4, "Not a directory")


def test_an_out_folder_that_holds_a_run_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text("precious\n")
    ended = gonogo("gate", "--only", SQL_CHECK, "--out", tmp_path)
    assert_told(ended, 2, "already holds a run")
    assert (tmp_path / "events.ndjson").read_text() == "precious\n"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few events only."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "tiny"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_under_the_run_directory_ends_the_run_cleanly(tiny_disk: Path) -> None:
    ended = gonogo("gate", "--runtime", "embedded", "--only", SQL_CHECK, "--out", tiny_disk / "run")
    assert_told(ended, 4, "No space left on device")
    assert gonogo("clean").code == 0
