"""A backup may be too old, and whether it is shows in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify

HOUR_S = 3600.0
PLAIN = "plain.sql"


@pytest.mark.parametrize("name", ["custom", "directory", "dump.tar", "base", "tar.gz"])
def test_one_of_today_is_young_enough(name: str, backups: Path, verified: Verify) -> None:
    answer = verified(backups / name, max_age_s=26 * HOUR_S)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert 0 <= answer.value("backup_age") < 15 * HOUR_S


def test_one_that_is_too_old_is_no_go_however_well_it_restores(backups: Path, tmp_path: Path, verified: Verify) -> None:
    assert verified(backups / "base", max_age_s=0.001).verdict == ("NO-GO", 1)
    old = tmp_path / "there" / "dump.sql"
    old.parent.mkdir()
    text = (backups / PLAIN).read_text()
    old.write_text(text.replace("-- Dumped by", "-- Started on 2026-01-02 03:04:05 CET\n\n-- Dumped by", 1))
    answer = verified(old, max_age_s=26 * HOUR_S)
    assert answer.verdict == ("NO-GO", 1)
    assert "backup_age" in answer.finding.reason


def test_where_it_cannot_be_told_nothing_is_proven(backups: Path, tmp_path: Path, verified: Verify) -> None:
    assert verified(backups / "custom", max_age_s=HOUR_S).verdict == ("HOLD", 3)  # whose hour?
    copied = tmp_path / "there" / "dump.sql"
    copied.parent.mkdir()
    shutil.copyfile(backups / PLAIN, copied)
    answer = verified(copied, max_age_s=26 * HOUR_S)
    assert answer.verdict == ("HOLD", 3)
    assert "does not say when it was made" in answer.detail("backup_age")
