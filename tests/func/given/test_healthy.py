"""A healthy backup of each kind is PARTIAL without a reference and GO with one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.func.given.conftest import Source, Verify

KINDS = ("custom", "directory", "dump.tar", "created.sql.gz", "plain.sql.zst", "base", "tar.gz")
PHYSICAL = ("base", "tar.gz")


@pytest.mark.parametrize("name", KINDS)
def test_equal_to_its_reference_is_go(name: str, backups: Path, facts: str, verified: Verify) -> None:
    if not (backups / name).exists():
        pytest.skip("there is no zstd here")
    answer = verified(backups / name, reference=facts)
    assert answer.verdict == ("GO", 0), answer.finding.reason
    assert answer.value("contained") is True
    assert answer.value("restore_time") > 0
    assert ("roles" in answer.detail("not_compared")) == (name not in PHYSICAL)
    assert ("unlogged" in answer.detail("not_compared")) == (name in PHYSICAL)
    assert ("databases postgres" in answer.detail("not_compared")) == (name in PHYSICAL)


@pytest.mark.parametrize("name", ["custom", "base"])
def test_compared_with_nothing_is_partial(name: str, backups: Path, verified: Verify) -> None:
    answer = verified(backups / name)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("rows") == 1204 + (0 if name in PHYSICAL else 9)
    assert any("no --reference" in one.reason for one in answer.result.judgement.not_proven)


def test_a_live_reference_is_only_read_and_a_budget_that_is_missed_is_no_go(
    source: Source, backups: Path, verified: Verify
) -> None:
    answer = verified(backups / "base", reference=source.dsn, restore_time_s=0.001)
    assert answer.verdict[1] in {1, 3}  # on a host that others keep busy it is not proven
    assert "restore_time" in answer.finding.reason
    assert answer.value("fingerprints_differ") == 0


def test_a_locale_of_another_machine_is_no_fault_of_the_dump(backups: Path, tmp_path: Path, verified: Verify) -> None:
    path = tmp_path / "there" / "dump.sql"
    path.parent.mkdir()
    path.write_bytes((backups / "created.sql").read_bytes().replace(b"LOCALE = 'C'", b"LOCALE = 'xx_YY.utf8'"))
    answer = verified(path)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert set(answer.value("roles_named")) == {"rag_owner", "rag_app", "odd Role"}


def test_what_the_programs_are_too_old_for_is_not_known(
    backups: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = next((path for path in Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) < 18), None)
    if old is None or not (old / "pg_verifybackup").exists():
        pytest.skip("there is no older PostgreSQL here")
    monkeypatch.setenv("GONOGO_PG_BINDIR", str(old))
    answer = verified(backups / "base")
    assert answer.verdict == ("HOLD", 3)
    assert "it is of PostgreSQL 18" in answer.finding.reason


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        (b"CREATE EXTENSION IF NOT EXISTS vector", b"CREATE EXTENSION IF NOT EXISTS postgis", "postgis"),
        (b"    body text,", b'    body text COLLATE pg_catalog."xx_YY.utf8",', "xx_YY"),
        (b"SET default_tablespace = '';", b"SET default_tablespace = 'fast';", "fast"),
    ],
    ids=["extension", "collation", "tablespace"],
)
def test_what_is_not_here_is_named(  # noqa: PLR0917 - pytest gives them by name
    there: bytes, instead: bytes, said: str, backups: Path, tmp_path: Path, verified: Verify
) -> None:
    path = tmp_path / "there" / "dump.sql"
    path.parent.mkdir()
    content = (backups / "plain.sql").read_bytes()
    assert there in content
    path.write_bytes(content.replace(there, instead))
    answer = verified(path)
    assert answer.verdict == ("HOLD", 3)
    assert said in answer.finding.reason


def test_a_database_without_an_encoding_keeps_its_bytes(backups: Path, tmp_path: Path, verified: Verify) -> None:
    path = tmp_path / "there" / "dump.sql"
    path.parent.mkdir()
    content = (
        (backups / "plain.sql").read_bytes().replace(b"client_encoding = 'UTF8'", b"client_encoding = 'SQL_ASCII'")
    )
    path.write_bytes(content.replace(b"text of chunk 7\t", b"caf\xe9\t"))
    answer = verified(path)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
