"""The wrappers that turn one defect of an example service on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
WRAPPERS = sorted(folder.name for folder in EXAMPLES.glob("*_defects"))
of_every_wrapper = pytest.mark.parametrize("wrapper", WRAPPERS)


def defects(wrapper: str) -> list[str]:
    return sorted(file.stem for file in (EXAMPLES / wrapper / "defects").glob("*.py") if not file.stem.startswith("_"))


def run(wrapper: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    command = [sys.executable, "-m", wrapper, *arguments]
    return subprocess.run(command, cwd=EXAMPLES, env=bare, capture_output=True, text=True, check=False, timeout=60)


def test_every_service_has_a_wrapper() -> None:
    services = {folder.name for folder in EXAMPLES.glob("*_*") if not folder.name.endswith("_defects")}
    assert {f"{service}_defects" for service in services} == set(WRAPPERS)


@of_every_wrapper
def test_a_defect_is_refused_unless_it_is_enabled(wrapper: str) -> None:
    refused = run(wrapper, defects(wrapper)[0])
    assert refused.returncode == 2
    assert "--enable-defects" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("--enable-defects",), ("--enable-defects", "no_such_defect")])
@of_every_wrapper
def test_a_defect_that_is_not_there_is_answered_with_those_that_are(wrapper: str, arguments: tuple[str, ...]) -> None:
    refused = run(wrapper, *arguments)
    assert refused.returncode == 2
    assert all(name in refused.stderr for name in defects(wrapper))


@of_every_wrapper
def test_the_list_says_of_every_defect_what_it_breaks(wrapper: str) -> None:
    listed = run(wrapper, "--list")
    assert listed.returncode == 0
    lines = dict(line.split(": ", 1) for line in listed.stdout.splitlines())
    assert sorted(lines) == defects(wrapper)
    assert all(sentence.endswith(".") for sentence in lines.values()), lines


APPLY_EACH = """
import os, sys, traceback
import fastapi, httpx, numpy, psycopg_pool, uvicorn  # once, for all
from reference_rag_defects import catalogue

for name in catalogue.names(sys.argv[1]):
    child = os.fork()
    if child == 0:
        try:
            catalogue.apply(sys.argv[1], name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


@of_every_wrapper
def test_every_defect_can_be_applied_to_the_service_as_it_is(wrapper: str) -> None:
    command = [sys.executable, "-c", APPLY_EACH, wrapper]
    settings = {"DATABASE_URL": "postgresql://nowhere/none", "API_KEYS": "acme=made-for-this-test"}
    environment = {**os.environ, **settings}  # some defects read the settings when they are applied
    applied = subprocess.run(
        command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.split() == [], applied.stderr


@of_every_wrapper
def test_an_enabled_defect_goes_on_as_the_service_itself(wrapper: str) -> None:
    started = run(wrapper, "--enable-defects", defects(wrapper)[0])
    assert started.returncode == 2
    assert started.stderr.startswith(f"{wrapper.removesuffix('_defects')}: wrong settings:")
