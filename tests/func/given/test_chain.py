"""A folder of full and incremental base backups, in folders and archives, with a tablespace in each."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.func.given.conftest import Source, Verify, copied, with_a_flipped_bit

NAMES = ("full", "monday", "tuesday")


@pytest.fixture(scope="session")
def chain(source: Source, backups: Path) -> Path:
    """Three backups, each the rest of the one before. In `postgres` a table in a tablespace gets a row before each."""
    folder, place = source.own(source.own(source.folder / "chains") / "chain"), source.own(source.folder / "place")
    source.sql(f"CREATE TABLESPACE place LOCATION '{place}'", "CREATE TABLE placed (day text) TABLESPACE place")
    before: Sequence[str] = ()
    for name, form in zip(NAMES, ("-Fp", "-Fp", "-Ft"), strict=True):
        source.sql(f"INSERT INTO placed VALUES ('{name}')")
        where = [f"--tablespace-mapping={place}={source.folder / f'place-{name}'}"] if form == "-Fp" else []
        arguments = [form, f"--pgdata={folder / name}", "--checkpoint=fast", "--no-sync", *where, *before]
        source.run("pg_basebackup", *arguments)
        before = [f"--incremental={folder / name / 'backup_manifest'}"]
    source.sql("DROP TABLE placed", "DROP TABLESPACE place")
    return folder


@pytest.fixture
def places(source: Source, chain: Path) -> tuple[Path, ...]:
    """Where the tablespaces of those that are folders lie."""
    return tuple(source.folder / f"place-{name}" for name in NAMES[:2])


def test_equal_to_its_reference_is_go(chain: Path, places: tuple[Path, ...], facts: str, verified: Verify) -> None:
    answer = verified(chain, reference=facts, tablespaces=places)
    assert answer.verdict == ("GO", 0), answer.finding.reason
    assert 0 <= answer.value("backup_age") < 3600  # the control file of the combined one tells
    assert answer.value("backup_used").startswith("full + monday + tuesday")
    assert answer.value("rows") == 1204 + 3


def test_one_of_them_is_partial_and_its_tablespace_is_read_where_it_is_named(
    chain: Path, places: tuple[Path, ...], verified: Verify
) -> None:
    answer = verified(chain, backup="full", tablespaces=places)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("rows") == 1204 + 1
    answer = verified(chain, backup="full")
    assert answer.verdict == ("HOLD", 3)
    assert f"--tablespace {places[0]}" in answer.finding.reason


def test_a_missing_link_is_named(chain: Path, places: tuple[Path, ...], there: Path, verified: Verify) -> None:
    path = copied(chain, there / "chain")
    shutil.rmtree(path / "monday")
    answer = verified(path, tablespaces=places)
    assert answer.verdict == ("NO-GO", 1)
    assert "a link is missing: tuesday continues a backup that begins at" in answer.detail("restored")


def test_a_link_of_another_cluster_is_named(
    chain: Path, places: tuple[Path, ...], there: Path, verified: Verify
) -> None:
    path = copied(chain, there / "chain")
    manifest = path / "full" / "backup_manifest"
    manifest.write_bytes(manifest.read_bytes().replace(b'"System-Identifier": ', b'"System-Identifier": 1', 1))
    answer = verified(path, tablespaces=places)
    assert answer.verdict == ("NO-GO", 1)
    assert "full is of another cluster" in answer.detail("restored")


def test_a_damaged_link_is_no_go(chain: Path, places: tuple[Path, ...], there: Path, verified: Verify) -> None:
    path = copied(chain, there / "chain")
    with_a_flipped_bit(max((path / "monday" / "base").rglob("*"), key=lambda one: one.stat().st_size))
    answer = verified(path, tablespaces=places)
    assert answer.verdict == ("NO-GO", 1)
    assert "monday: pg_verifybackup" in answer.detail("restored")


def test_a_link_to_elsewhere_is_not_followed(chain: Path, there: Path, verified: Verify) -> None:
    path = copied(chain / "full", there / "full")
    (tablespace,) = (path / "pg_tblspc").iterdir()
    tablespace.unlink()
    tablespace.symlink_to("/etc")
    answer = verified(path)
    assert answer.verdict == ("HOLD", 3)
    assert "lies outside of it, at /etc" in answer.finding.reason


def test_a_tablespace_that_is_not_there_is_no_go(chain: Path, there: Path, verified: Verify) -> None:
    path = copied(chain / "full", there / "full")
    (tablespace,) = (path / "pg_tblspc").iterdir()
    tablespace.unlink()
    (path / "pg_tblspc" / tablespace.name).symlink_to(there / "nothing")
    answer = verified(path)
    assert answer.verdict == ("NO-GO", 1)
    assert "is not there" in answer.detail("restored")


def test_an_incremental_backup_alone_is_not_known(chain: Path, verified: Verify) -> None:
    answer = verified(chain / "tuesday")
    assert answer.verdict == ("HOLD", 3)
    assert "those before it" in answer.finding.reason
