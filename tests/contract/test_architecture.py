"""Imports go one way, and the linter that proves it can fail; functions and files stay small."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
FORBIDDEN = {  # file to spoil -> import that its contract forbids
    "judge/verdict.py": "import gonogo.stacks.start",
    "core/outcome.py": "import pydantic",
    "probes/sql.py": "import gonogo.runners.check",
    "pg/ledger.py": "import gonogo.stacks.interfaces",
    "engine/plan.py": "import locust",
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--config",
        str(root / "pyproject.toml"),
    ]
    return subprocess.run(
        command,
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("spoiled", FORBIDDEN, ids=FORBIDDEN)
def test_a_forbidden_import_is_noticed(spoiled: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "src/gonogo" / spoiled
    path.write_text(path.read_text() + f"\n{FORBIDDEN[spoiled]}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout


def python_files() -> list[Path]:
    return [
        path for top in ("src", "tests", "examples", "benchmarks", "loadtests") for path in (ROOT / top).rglob("*.py")
    ]


def test_files_stay_small() -> None:
    assert {str(path): n for path in python_files() if (n := len(path.read_text().splitlines())) > LONGEST_FILE} == {}


def test_functions_stay_small() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": size
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}
