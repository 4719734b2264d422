"""Reports of four judged runs against files that people have read. `GONOGO_GOLDEN=write` writes them anew."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.golden.runs import RUNS

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports import FORMATS
from gonogo.reports.terminal import print_run

EXPECTED = Path(__file__).parent / "expected"
WIDTH = 110
VERDICTS = {"go": ("GO", 0), "no_go": ("NO-GO", 1), "hold": ("HOLD", 3), "broken": ("HOLD", 4)}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: json.loads(judgement_bytes(judge(write(folder / name)))) for name, write in RUNS.items()}


def compare(name: str, text: str) -> None:
    file = EXPECTED / name
    if os.environ.get("GONOGO_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"{file} differs; read the difference, then write it with GONOGO_GOLDEN=write"


def terminal_text(record: dict[str, Any], *, quiet: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, newline="\n") as stream:
        console = Console(file=stream, width=WIDTH, no_color=True, highlight=False, force_terminal=False)
        print_run(record, console, Path("reports/runs/nightly"), quiet=quiet)
        stream.flush()
        return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("name", RUNS)
def test_the_verdict_is_what_the_evidence_earns(name: str, records: dict[str, dict[str, Any]]) -> None:
    assert (records[name]["verdict"], records[name]["exit_code"]) == VERDICTS[name]


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("report_format", ["junit", "markdown"])
def test_a_report_is_what_people_have_read(name: str, report_format: str, records: dict[str, dict[str, Any]]) -> None:
    report = FORMATS.load(report_format)
    compare(f"{name}.{report.filename}", report.render(records[name]))


@pytest.mark.parametrize("name", RUNS)
def test_the_terminal_says_what_people_have_read(name: str, records: dict[str, dict[str, Any]]) -> None:
    compare(f"{name}.terminal.txt", terminal_text(records[name]))


@pytest.mark.parametrize("name", RUNS)
def test_quiet_is_one_line_with_verdict_exit_code_and_report(name: str, records: dict[str, dict[str, Any]]) -> None:
    text = terminal_text(records[name], quiet=True)
    verdict, code = VERDICTS[name]
    assert text.startswith(f"{verdict}: ")
    assert text.endswith(f"(exit code {code}; reports/runs/nightly/report.html)\n")
    assert text.count("\n") == 1


def test_a_terminal_without_unicode_gets_plain_signs(records: dict[str, dict[str, Any]]) -> None:
    text = terminal_text(records["no_go"], encoding="ascii")
    assert "  x checks/isolation/rls_is_forced  critical" in text
    assert "    -> ALTER TABLE ? ENABLE ROW LEVEL SECURITY;" in text
    assert "########........" in text


@pytest.mark.parametrize("width", [40, 79, 200])
def test_no_line_is_wider_than_the_terminal_where_words_can_break(
    width: int, records: dict[str, dict[str, Any]]
) -> None:
    stream = io.StringIO()
    print_run(records["no_go"], Console(file=stream, width=width, no_color=True), Path("x"))
    too_long = [line for line in stream.getvalue().splitlines() if len(line) > width]
    assert [line for line in too_long if len(max(line.split(), key=len)) < width // 2] == []


@pytest.mark.parametrize("name", RUNS)
def test_the_same_run_gives_the_same_bytes(name: str, records: dict[str, dict[str, Any]]) -> None:
    for report_format in FORMATS.names():
        report = FORMATS.load(report_format)
        assert report.render(records[name]) == report.render(json.loads(json.dumps(records[name])))
