"""The wrapper that turns one defect of the reference service on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
DEFECTS = sorted(
    file.stem for file in (EXAMPLES / "reference_rag_defects/defects").glob("*.py") if not file.stem.startswith("_")
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    command = [sys.executable, "-m", "reference_rag_defects", *arguments]
    return subprocess.run(command, cwd=EXAMPLES, env=bare, capture_output=True, text=True, check=False, timeout=60)


def test_a_defect_is_refused_unless_it_is_enabled() -> None:
    refused = run(DEFECTS[0])
    assert refused.returncode == 2
    assert "--enable-defects" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("--enable-defects",), ("--enable-defects", "no_such_defect")])
def test_a_defect_that_is_not_there_is_answered_with_those_that_are(arguments: tuple[str, ...]) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2
    assert all(name in refused.stderr for name in DEFECTS)


def test_the_list_says_of_every_defect_what_it_breaks() -> None:
    listed = run("--list")
    assert listed.returncode == 0
    lines = dict(line.split(": ", 1) for line in listed.stdout.splitlines())
    assert sorted(lines) == DEFECTS
    assert all(sentence.endswith(".") for sentence in lines.values()), lines


APPLY_EACH = """
import os, sys, traceback
import fastapi, httpx, numpy, psycopg_pool, uvicorn  # once, for all
from reference_rag_defects import catalogue

for name in catalogue.names():
    child = os.fork()
    if child == 0:
        try:
            catalogue.apply(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


def test_every_defect_can_be_applied_to_the_service_as_it_is() -> None:
    command = [sys.executable, "-c", APPLY_EACH]
    settings = {"DATABASE_URL": "postgresql://nowhere/none", "API_KEYS": "acme=made-for-this-test"}
    environment = {**os.environ, **settings}  # some defects read the settings when they are applied
    applied = subprocess.run(
        command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.split() == [], applied.stderr


def test_an_enabled_defect_goes_on_as_the_service_itself() -> None:
    started = run("--enable-defects", DEFECTS[0])
    assert started.returncode == 2
    assert started.stderr.startswith("reference_rag: wrong settings:")
