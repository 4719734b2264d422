"""Several backups in one command: each is verified, and the exit code is that of the worst."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gonogo.cli import main


@pytest.fixture
def verified(contained: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs are kept."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports" / "runs"


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify-backup", "--no-history", "--quiet", *map(str, arguments)])


def test_one_that_is_no_backup_hides_none_that_is(verified: Path, backups: Path, tmp_path: Path) -> None:
    (tmp_path / "picture.dump").write_bytes(b"\x89PNG\r\n")
    done = verify(tmp_path / "picture.dump", backups / "custom")
    assert done.exit_code == 2
    assert "picture.dump is no backup of PostgreSQL: it is a PNG image" in done.stderr
    assert len(list(verified.iterdir())) == 1


def test_a_bad_one_decides(verified: Path, backups: Path, tmp_path: Path) -> None:
    content = (backups / "plain.sql").read_bytes()
    (tmp_path / "cut.sql").write_bytes(content[: len(content) // 2])
    assert verify(tmp_path / "cut.sql", tmp_path / "missing.dump", backups / "custom").exit_code == 1
    assert len(list(verified.iterdir())) == 2


def test_a_run_directory_is_of_one(verified: Path, backups: Path) -> None:
    done = verify("--out", "here", backups / "custom", backups / "custom")
    assert (done.exit_code, verified.exists()) == (2, False)
    assert "--out is the run directory of one backup" in done.output
