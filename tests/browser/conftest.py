"""A real browser. Without one these tests are skipped; CI installs one and says so with GONOGO_REQUIRE_BROWSER=1."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.golden.runs import RUNS

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports import write_all

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, headless."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("GONOGO_REQUIRE_BROWSER"):
            pytest.fail("no chromium on PATH, and GONOGO_REQUIRE_BROWSER is set")
        pytest.skip("no chromium on PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The HTML report of each synthetic run, in its run directory."""
    folder = tmp_path_factory.mktemp("runs")
    written = {}
    for name, write in RUNS.items():
        path = write(folder / name)
        (written[name],) = write_all(json.loads(judgement_bytes(judge(path))), path, ["html"])
    return written
