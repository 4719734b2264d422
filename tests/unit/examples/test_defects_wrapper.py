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


def test_every_defect_can_be_applied_to_the_service_as_it_is() -> None:
    apply_all = "; ".join(f"catalogue.apply({name!r})" for name in DEFECTS)
    command = [sys.executable, "-c", f"from reference_rag_defects import catalogue; {apply_all}"]
    applied = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=False, timeout=60)
    assert applied.stderr == ""
    assert applied.returncode == 0


def test_an_enabled_defect_goes_on_as_the_service_itself() -> None:
    started = run("--enable-defects", DEFECTS[0])
    assert started.returncode == 2
    assert started.stderr.startswith("reference_rag: wrong settings:")
