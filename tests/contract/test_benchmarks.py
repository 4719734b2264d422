"""Benchmarks say what they show, and the page shows what was kept. Nothing here measures a time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import _report
from benchmarks._findings import Why, differences, held_by_others
from benchmarks._leftovers import before, left, traces_of
from benchmarks._result import Claim, Result, decided

LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)):
    print("listening", flush=True)
    sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


def test_every_benchmark_is_listed_with_what_it_shows() -> None:
    command = [sys.executable, "-m", "benchmarks", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for path in (ROOT / "benchmarks").glob("[a-z]*.py"):
        summary = path.read_text().split('"""')[1].splitlines()[0]
        assert f"{path.stem:10} {summary}" in shown


def test_the_page_is_made_of_the_kept_results() -> None:
    kept = _report.records()
    assert kept
    assert (ROOT / "docs" / "benchmarks.md").read_text() == _report.page(kept)


def test_a_result_is_read_back_as_it_was_kept() -> None:
    for record in _report.records():
        path = ROOT / "benchmarks" / "results" / f"{record.name}{'' if record.full else '-short'}.json"
        assert json.loads(path.read_text()) == json.loads(json.dumps(asdict(record)))


def test_a_missed_time_proves_nothing_on_a_busy_host_and_a_wrong_verdict_does() -> None:
    claims = [
        Claim(text=text, measured="", holds=holds, of_time=of_time)
        for text, holds, of_time in [("slow", False, True), ("quick", True, True), ("wrong", False, False)]
    ]

    assert [one.holds for one in decided(Result(claims=claims), 0.5).claims] == [None, True, False]
    assert [one.holds for one in decided(Result(claims=claims), 0.05).claims] == [False, True, False]


def _finding(name: str, outcome: str, skip: str | None = None, reason: str = "", expected: str = "PASS") -> Any:
    expectations = [
        {"observation": "rows", "matcher": matcher, "outcome": word, "reason": reason}
        for matcher, word in (("equals", "PASS"), ("at_most", expected), ("at_most", "PASS"))
    ]
    return {"id": name, "outcome": outcome, "skip": skip, "reason": reason, "expectations": expectations}


def test_what_two_runs_found_differently_is_explained_or_not() -> None:
    left = [
        _finding("same", "PASS"), _finding("other", "PASS"), _finding("lacking", "PASS"), _finding("slow", "PASS"),
        _finding("within", "PASS"), _finding("here", "PASS"),
    ]  # fmt: skip
    right = [
        _finding("same", "PASS"), _finding("other", "FAIL"), _finding("lacking", "SKIPPED", "unsupported"),
        _finding("slow", "UNKNOWN", reason="others kept 60 % busy"), _finding("within", "PASS", expected="SKIPPED"),
    ]  # fmt: skip
    found = differences({"findings": left}, {"findings": right})

    assert [(one.id, one.left, one.right, one.why) for one in found] == [
        ("here", "PASS", "is not in this run", Why.NOTHING),
        ("lacking", "PASS", "unsupported", Why.CAPABILITY),
        ("other", "PASS", "FAIL", Why.NOTHING),
        ("slow", "PASS", "UNKNOWN", Why.CONTENTION),
        ("within rows at_most", "PASS", "SKIPPED", Why.NOTHING),
    ]


def test_a_gate_is_held_by_others_when_nothing_else_is_unknown() -> None:
    busy, silent = (_finding(name, "UNKNOWN", reason=reason) for name, reason in [("a", "others kept 60 %"), ("b", "")])

    def held(*findings: Any) -> bool:
        unknowns = [one["id"] for one in findings]
        return held_by_others({"verdict": "HOLD", "findings": findings, "unknowns": unknowns})

    assert (held(busy), held(busy, silent), held()) == (True, False, False)


def test_what_a_run_leaves_is_seen_on_the_host(tmp_path: Path) -> None:
    earlier = before()
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        traces = traces_of(process.pid)
        found = left(traces, str(tmp_path), [], earlier)
        process.kill()

    assert found[0] == f"process {process.pid}"
    assert found[1].startswith("listening socket ")
    # whose a file of /dev/shm is nobody says, and other tests make some meanwhile
    assert [one for one in left(traces, str(tmp_path), [], earlier) if not one.startswith("file ")] == []
