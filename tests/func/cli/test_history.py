"""Runs are remembered where the user works, and a gate can ask for what they remember."""

from __future__ import annotations

import json
from pathlib import Path

from tests.func.cli.gonogo import gonogo

CHECK = "checks/security/passwords_are_scram"
DUMP = """\
--
-- PostgreSQL database dump
--
-- Dumped from database version 18.1
-- Dumped by pg_dump version 18.1
CREATE TABLE public.notes (id integer);
COPY public.notes (id) FROM stdin;
1
\\.
--
-- PostgreSQL database dump complete
--
"""


def test_a_run_is_remembered_listed_and_carried_elsewhere(tmp_path: Path) -> None:
    kept = {"GONOGO_HISTORY": "mine/history.sqlite"}
    ran = gonogo("check", CHECK, "--runtime", "embedded", cwd=tmp_path, environment=kept)
    assert ran.code == 0, ran.err
    (run,) = json.loads(gonogo("history", "--json", cwd=tmp_path, environment=kept).out)
    assert (run["stack"], run["runtime"], run["verdict"]) == ("reference", "embedded", "PARTIAL")
    shown = gonogo("history", "passwords_are_scram", cwd=tmp_path, environment=kept)
    assert CHECK in shown.out
    assert "PASS  reference on embedded" in shown.out
    written = gonogo("history", "--html", "page.html", cwd=tmp_path, environment=kept)
    assert written.code == 0, written.err
    assert CHECK in (tmp_path / "page.html").read_text()
    nothing = gonogo("history", "--html", "other.html", "--stack", "other", cwd=tmp_path, environment=kept)
    assert (nothing.code, (tmp_path / "other.html").exists()) == (2, False), nothing.err
    (tmp_path / "lines.jsonl").write_text(gonogo("history", "--export", cwd=tmp_path, environment=kept).out)
    elsewhere = gonogo("history", "--import", "lines.jsonl", cwd=tmp_path)
    assert "1 runs added" in elsewhere.err

    blocked = gonogo(
        "check", CHECK, "--runtime", "embedded", "--history", "lines.jsonl/history.sqlite", cwd=tmp_path,
    )  # fmt: skip
    assert blocked.code == 0
    assert "this run is not in the history lines.jsonl/history.sqlite" in blocked.err


def test_a_gate_whose_drill_has_silently_stopped_is_hold(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(f"suite: small\nrun: [{CHECK}]\n")
    arguments = ("gate", "--suite", "small.yaml", "--runtime", "embedded", "--require-drill", "pg_dump_custom")
    held = gonogo(*arguments, "--json", cwd=tmp_path, environment={"GONOGO_HISTORY": "history.sqlite"})
    record = json.loads(held.out)
    assert (held.code, record["verdict"]) == (3, "HOLD"), held.err
    assert record["headline"] == (
        "restore_drills/pg_dump_custom is not proven: must pass every 7 d 0 h: "
        "history.sqlite holds no run of it on the stack reference"
    )

    (tmp_path / "history.sqlite").write_text("no history\n" * 100)
    unreadable = gonogo(*arguments, "--json", cwd=tmp_path, environment={"GONOGO_HISTORY": "history.sqlite"})
    assert unreadable.code == 3, unreadable.err
    assert (
        "the history cannot be read: history.sqlite is no history of gonogo" in json.loads(unreadable.out)["headline"]
    )
    assert "this run is not in the history history.sqlite" in unreadable.err


def test_a_gate_asks_for_a_verified_backup_of_its_stack(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(f"suite: small\nrun: [{CHECK}]\n")
    (tmp_path / "reference").write_text(DUMP)
    kept = {"GONOGO_HISTORY": "history.sqlite"}
    gate = ("gate", "--suite", "small.yaml", "--runtime", "embedded", "--require-drill", "verify_backup", "--json")

    verified = gonogo("verify-backup", "reference", cwd=tmp_path, environment=kept)
    assert verified.code == 0, verified.err
    held = gonogo(*gate, cwd=tmp_path, environment=kept)  # the file's name says nothing of the stack
    assert held.code == 3, held.err
    assert "history.sqlite holds no run of it on the stack reference" in json.loads(held.out)["headline"]

    gonogo("verify-backup", "reference", "--stack", "reference", cwd=tmp_path, environment=kept)
    passed = gonogo(*gate, cwd=tmp_path, environment=kept)
    assert (passed.code, json.loads(passed.out)["verdict"]) == (0, "GO"), passed.err


def test_what_cannot_be_asked_for_is_told_before_anything_starts(tmp_path: Path) -> None:
    unknown = gonogo("gate", "--require-drill", "pg_dump_costum", cwd=tmp_path)
    assert (unknown.code, "did you mean 'restore_drills/pg_dump_custom'" in unknown.err) == (2, True)
    for other in (("--only", CHECK), ("--no-history",)):
        refused = gonogo("gate", "--require-drill", "pg_dump_custom", *other, cwd=tmp_path)
        assert (refused.code, "leave one out" in refused.err) == (2, True), refused.err
