"""Ways to restore one backup, side by side: each brings the same, and the advice names the fastest that is safe."""

from __future__ import annotations

from pathlib import Path

from tests.func.given.conftest import Answer, Source, Verify

from gonogo.core.finding import Finding
from gonogo.core.outcome import Outcome
from gonogo.engine.verify import WAYS

OF_A_DUMP = ["as it comes", "memory", "memory, jobs", "no fsync", "index last", "binary COPY", "base backup"]
OF_A_SCRIPT = ["as it comes", "memory", "no fsync", "base backup"]
OF_FILES = ["as it comes", "syncfs", "no fsync"]
SECONDS = 120.0  # on a host that others keep busy


def ways(answer: Answer) -> Finding:
    (found,) = (one for one in answer.result.judgement.findings if one.id == WAYS)
    return found


def names(finding: Finding) -> list[str]:
    (table,) = finding.tables
    return [row[0] for row in table.rows]


def values(finding: Finding, name: str) -> dict[str, float]:
    return {one.subject: float(one.value) for one in finding.observations if one.name == name}  # type: ignore[arg-type]  # numbers


def test_a_dump_is_restored_in_every_way_and_all_bring_the_same(backups: Path, verified: Verify) -> None:
    answer = verified(backups / "custom", explore=True, time_limit_s=SECONDS)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    finding = ways(answer)
    assert finding.outcome is Outcome.PASS, finding.reason
    assert names(finding) == OF_A_DUMP
    full, first = values(finding, "way_seconds"), values(finding, "way_answers_seconds")
    assert set(full) == set(OF_A_DUMP)
    assert 0 < first["index last"] < full["index last"]
    assert first["memory"] == full["memory"]
    phases = values(finding, "phase_seconds")
    for way in OF_A_DUMP:
        parts = [seconds for subject, seconds in phases.items() if subject.startswith(f"{way}: ")]
        assert abs(sum(parts) - full[way]) < 1e-6
    assert phases["memory: vector index"] > 0
    assert "safe way" in finding.tables[0].note


def test_what_comes_back_otherwise_each_time_is_told_and_no_verdict(
    backups: Path, tmp_path: Path, verified: Verify
) -> None:
    path = tmp_path / "there" / "dice.sql"
    path.parent.mkdir()
    end = b"-- PostgreSQL database dump complete"
    text = (backups / "created.sql").read_bytes()
    path.write_bytes(text.replace(end, b"CREATE TABLE public.dice AS SELECT random();\n" + end))
    answer = verified(path, explore=True, time_limit_s=SECONDS)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    finding = ways(answer)
    assert finding.outcome is Outcome.FAIL
    assert names(finding) == OF_A_SCRIPT
    assert [one.value for one in finding.observations if one.name == "ways_differ"] == [tuple(OF_A_SCRIPT[1:])]
    assert finding.tables[0].note.startswith("No safe way is faster with this backup than 'as it comes'")


def test_files_of_a_cluster_without_its_first_database_are_sound_and_start_in_every_way(
    source: Source, tmp_path: Path, verified: Verify
) -> None:
    source.run("psql", "-X", "-q", "-d", "rag", text="DROP DATABASE postgres")
    folder = source.folder / "without" / "base"
    try:
        source.run("pg_basebackup", f"--pgdata={folder}", "--checkpoint=fast", "--no-sync")
    finally:
        source.run("psql", "-X", "-q", "-d", "rag", text="CREATE DATABASE postgres")
    answer = verified(folder, explore=True, time_limit_s=SECONDS)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    finding = ways(answer)
    assert finding.outcome is Outcome.PASS, finding.reason
    assert names(finding) == OF_FILES
    assert set(values(finding, "way_seconds")) == set(OF_FILES)


def test_of_a_backup_that_does_not_restore_no_way_is_measured(backups: Path, tmp_path: Path, verified: Verify) -> None:
    path = tmp_path / "there" / "cut"
    path.parent.mkdir()
    whole = (backups / "custom").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    answer = verified(path, explore=True)
    assert answer.verdict == ("NO-GO", 1)
    finding = ways(answer)
    assert finding.outcome is Outcome.UNKNOWN
    assert "not restored" in finding.reason
