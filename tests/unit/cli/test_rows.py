"""What people read at a terminal keeps its words whole and its width; what programs read keeps its lines whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gonogo.cli._rows import laid_out

ROWS = [
    ("checks/isolation/row_security_is_forced", "critical", "Row security is forced on every table with a tenant"),
    ("chaos/failover", "high", "The primary dies; the standby takes over, and nothing acknowledged is lost"),
]


@pytest.mark.parametrize("width", [50, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(width: int) -> None:
    lines = list(laid_out(ROWS, width))
    assert [line for line in lines if len(line) > width] == []
    assert " ".join(lines).split() == " ".join(cell for row in ROWS for cell in row).split()


def test_where_there_is_no_terminal_a_row_is_a_line() -> None:
    assert len(list(laid_out(ROWS, None))) == len(ROWS)


def test_a_reader_that_has_gone_is_not_told_so() -> None:
    program = f"{sys.executable} -m gonogo list | head -1"
    ended = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert len(ended.stdout.splitlines()) == 1
    assert "Broken pipe" not in ended.stderr
    assert "Exception" not in ended.stderr
