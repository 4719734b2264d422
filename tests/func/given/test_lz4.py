"""What is compressed by lz4 is decompressed by its program, where that is here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify, copied

from gonogo.drills.given import staging

ALGORITHM_AT, LZ4 = 11, 2  # in the head of an archive of pg_dump
PROGRAM = shutil.which("lz4")
needs_lz4 = pytest.mark.skipif(PROGRAM is None, reason="there is no lz4 here")


@pytest.fixture
def archives(backups: Path, there: Path) -> Path:
    """A base backup whose archives were compressed."""
    path = copied(backups / "tar", there / "tar")
    for one in sorted(path.glob("*.tar")):
        subprocess.run([PROGRAM or "lz4", "-q", "--rm", one, f"{one}.lz4"], check=True)
    return path


@needs_lz4
def test_a_base_backup_in_lz4_equal_to_its_reference_is_go(archives: Path, facts: str, verified: Verify) -> None:
    answer = verified(archives, reference=facts)
    assert answer.verdict == ("GO", 0), answer.finding.reason


@needs_lz4
def test_a_cut_one_is_no_go(archives: Path, verified: Verify) -> None:
    with (archives / "base.tar.lz4").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 8)
    answer = verified(archives)
    assert answer.verdict == ("NO-GO", 1)
    assert "cannot be decompressed" in answer.detail("restored")


@needs_lz4
def test_a_dump_in_lz4_is_partial_and_without_the_program_not_known(
    backups: Path, there: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([PROGRAM or "lz4", "-q", backups / "plain.sql", there / "dump"], check=True)
    assert verified(there / "dump").verdict == ("PARTIAL", 0)
    monkeypatch.setattr(staging, "decompressor", lambda _: None)
    answer = verified(there / "dump")
    assert answer.verdict == ("HOLD", 3)
    assert "there is no program lz4 here" in answer.finding.reason


def test_an_archive_whose_rows_are_in_lz4_needs_a_pg_restore_that_reads_it(
    backups: Path, there: Path, verified: Verify
) -> None:
    content = bytearray((backups / "custom").read_bytes())
    content[ALGORITHM_AT] = LZ4
    (there / "dump").write_bytes(content)
    answer = verified(there / "dump")
    assert answer.verdict[1] in {1, 3}  # with lz4 it reads it, and finds no lz4
    assert answer.verdict[1] == 1 or "lz4" in answer.finding.reason
