"""summary.md: nothing in a run becomes markup, and it never grows so large that it is dropped."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.golden import runs

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.formats.markdown import CUT, LARGEST_BYTES, render


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = runs.write_no_go(tmp_path_factory.mktemp("run") / "no_go")
    read: dict[str, Any] = json.loads(judgement_bytes(judge(path)))
    return read


def test_an_endless_run_is_cut_with_a_line_that_says_so(record: dict[str, Any]) -> None:
    large = copy.deepcopy(record)
    large["not_proven"] = [
        {"id": f"checks/api/check_{number}", "reason": f"“{number}” " * 60} for number in range(9_000)
    ]
    text = render(large)
    assert LARGEST_BYTES - 5_000 < len(text.encode()) <= LARGEST_BYTES
    assert text.endswith(CUT)
    assert text.startswith("# 🔴 NO-GO\n")


def test_text_of_the_stack_stays_text(record: dict[str, Any]) -> None:
    hostile = copy.deepcopy(record)
    hostile["headline"] = "![x](http://x/y.png) <script>\n# GO\n| a | b |\n@team `x` $y$"
    lines = render(hostile).splitlines()
    assert r"!\[x\](http://x/y.png) \<script\> \# GO \| a \| b \| \@team \`x\` \$y\$" in lines
    assert [line for line in lines if line.startswith("# ")] == ["# 🔴 NO-GO"]


def test_every_row_of_a_table_has_as_many_cells_as_its_head(record: dict[str, Any]) -> None:
    hostile = copy.deepcopy(record)
    hostile["stack"]["images"]["db|x"] = "a|b`c"
    hostile["findings"][10]["expectations"][0]["expected"] = "at most | 300ms"
    widths: list[set[int]] = []
    inside = False
    for line in render(hostile).splitlines():
        if line.startswith("|"):
            widths = widths if inside else [*widths, set()]
            widths[-1].add(line.replace("\\|", "").count("|"))
        inside = line.startswith("|")
    assert [len(width) for width in widths] == [1, 1, 1, 1]
