"""The one module that imports Locust, in processes of its own: it patches whatever imports it."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASSERTION = "import gonogo.load.users as users; users.assert_cooperative_psycopg()"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_psycopg_after_locust_is_cooperative() -> None:
    assert run(f"import gonogo.load.users, psycopg; {ASSERTION}").returncode == 0


def test_psycopg_before_locust_is_refused_instead_of_measuring_its_own_blocking() -> None:
    refused = run(f"import psycopg; {ASSERTION}")
    assert refused.returncode != 0
    assert "import locust before psycopg" in refused.stderr


@pytest.mark.parametrize("module", ["gonogo.runners.load", "gonogo.load.running", "gonogo.load.health"])
def test_nothing_that_gonogo_itself_imports_brings_locust_or_gevent(module: str) -> None:
    program = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('locust', 'gevent')))"
    assert run(program).returncode == 0
