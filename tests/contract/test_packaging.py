"""What the project depends on and ships: licences, locks, lean start, and no trace of anybody's machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPYLEFT = re.compile(r"\b(A?GPL|GNU (AFFERO )?GENERAL PUBLIC)", re.IGNORECASE)
LESSER = re.compile(r"LGPL|LESSER", re.IGNORECASE)
LESSER_ALLOWED = {"psycopg", "psycopg-binary", "psycopg-pool"}
HEAVY = {"psycopg", "httpx", "numpy", "jinja2", "rich", "locust", "gevent", "docker", "testcontainers", "jsonpath"}
HELP_MODULES = 260  # of which most are the standard library's and click's; measured 190
LOCKED = re.compile(r"^[A-Za-z0-9_.-]+==\S+( ; .+)?( \\)?$|^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def required() -> set[str]:
    """Names of everything that the lock files install."""
    text = "".join((ROOT / "requirements" / name).read_text() for name in ("demo.txt", "dev.txt"))
    return set(re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE))


def test_no_dependency_is_under_a_copyleft_licence() -> None:
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in required()}
    wrong = []
    for distribution in distributions():
        record = distribution.metadata.json
        name = re.sub(r"[-_.]+", "-", str(record["name"])).lower()
        classifiers = [one for one in record.get("classifier", []) if one.startswith("License")]
        stated = str(record.get("license_expression") or record.get("license") or "")[:200]
        licence = " ".join([stated, *classifiers])
        if name in names and COPYLEFT.search(licence) and not LESSER.search(licence):
            wrong.append(f"{name}: {licence}")
        if name in names and LESSER.search(licence) and name not in LESSER_ALLOWED:
            wrong.append(f"{name}: {licence}")
    assert wrong == []


@pytest.mark.parametrize("name", ["demo.txt", "dev.txt"])
def test_lock_files_hold_hashes_and_no_address(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    assert [line for line in lines if not LOCKED.match(line)] == []


def imported_by(*arguments: str) -> set[str]:
    program = (
        "import sys, json, gonogo.cli as cli\n"
        "try: cli.main(sys.argv[1:], standalone_mode=False)\n"
        "finally: print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [("--help",), ("list",), ("plan",)], ids=lambda one: one[0])
def test_commands_that_start_nothing_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    tops = {module.partition(".")[0] for module in imported_by(*arguments)}
    assert tops & HEAVY == set()


def test_help_imports_little() -> None:
    assert len(imported_by("--help")) < HELP_MODULES


def test_committed_schemas_are_current(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "gonogo", "schema", "--write", str(tmp_path)], check=True, capture_output=True
    )
    made = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert made == {path.name: path.read_text() for path in (ROOT / "config/schema").glob("*.json")}, (
        "run `make schemas`"
    )
