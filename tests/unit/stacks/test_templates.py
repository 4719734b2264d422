"""Templates, when several runs want the same one at the same time."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gonogo.core.errors import StackError
from gonogo.stacks.local.templates import Templates, held

KEY = "abc"


def make(templates: Path) -> None:
    """A complete template."""
    (templates / "templates" / KEY).mkdir()


def test_of_two_runs_that_find_no_template_one_builds_it_for_both(tmp_path: Path) -> None:
    built = []
    both_there = threading.Barrier(2)

    def run(_number: int) -> Path:
        def build() -> None:
            built.append(1)
            make(tmp_path)

        templates = Templates(tmp_path)
        both_there.wait()
        with held(templates, KEY, build) as found:
            return found

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, range(2)))

    assert built == [1]
    assert found == [tmp_path / "templates" / KEY] * 2


def test_a_template_that_another_run_removed_in_between_is_built_again(tmp_path: Path) -> None:
    built = []

    def build() -> None:
        built.append(1)
        if len(built) > 1:
            make(tmp_path)  # the first one is gone before anybody could take hold of it

    with held(Templates(tmp_path), KEY, build) as found:
        assert found.is_dir()
    assert built == [1, 1]


def test_nobody_removes_a_template_that_is_held(tmp_path: Path) -> None:
    with (
        held(Templates(tmp_path), KEY, lambda: make(tmp_path)),
        pytest.raises(BlockingIOError),
        Templates(tmp_path).removing(KEY),
    ):
        shutil.rmtree(tmp_path)


def test_it_does_not_go_on_for_ever(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="removed as soon as it is made"), held(Templates(tmp_path), KEY, lambda: None):
        pass
