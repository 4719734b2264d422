"""Broken backups are NO-GO, or HOLD where it cannot be known; what is no backup is refused with what was found."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify

from gonogo.core.errors import UsageError

ROW = re.compile(rb"^(\d+\t\d+\ttext of chunk [^\t\n]*\t)(\[[^\]]*\])$", re.MULTILINE)
NOT_GOOD = {1, 3}
Broken = Callable[[bytes], bytes]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder for a broken copy."""
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def copied(source: Path, target: Path) -> Path:
    """A copy of a backup that may be broken."""
    return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target))


# --- without a reference


@pytest.mark.parametrize("share", [0.02, 0.98])
def test_a_truncated_archive(share: float, backups: Path, there: Path, verified: Verify) -> None:
    content = (backups / "custom").read_bytes()
    (there / "dump").write_bytes(content[: int(len(content) * share)])
    assert verified(there / "dump").verdict[1] in NOT_GOOD


def test_a_flipped_bit_in_compressed_rows(backups: Path, there: Path, verified: Verify) -> None:
    content = bytearray((backups / "custom").read_bytes())
    content[len(content) // 2] ^= 4
    (there / "dump").write_bytes(content)
    assert verified(there / "dump").verdict[1] in NOT_GOOD


def test_a_dump_cut_between_rows(backups: Path, there: Path, verified: Verify) -> None:
    content = (backups / "plain.sql").read_bytes()
    row = list(ROW.finditer(content))[700]
    (there / "dump.sql").write_bytes(content[: row.end() + 1])
    answer = verified(there / "dump.sql")
    assert answer.verdict == ("NO-GO", 1)
    assert "cut" in answer.detail("restored")


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_cut_archive_in_tar_on_which_pg_restore_would_never_end(
    share: float, backups: Path, there: Path, verified: Verify
) -> None:
    content = (backups / "dump.tar").read_bytes()
    (there / "dump.tar").write_bytes(content[: int(len(content) * share) // 512 * 512])
    answer = verified(there / "dump.tar")
    assert answer.verdict == ("NO-GO", 1)
    assert "cut" in answer.detail("restored")


def test_an_archive_in_tar_that_is_cut_where_nothing_of_the_data_is(
    backups: Path, there: Path, verified: Verify
) -> None:
    content = (backups / "dump.tar").read_bytes()
    (there / "dump.tar").write_bytes(content[: content.rindex(b"restore.sql") + 3000])
    assert verified(there / "dump.tar").verdict == ("PARTIAL", 0)


def test_with_a_reference_a_lost_last_line_alone_is_no_loss(
    backups: Path, facts: str, there: Path, verified: Verify
) -> None:
    content = (backups / "plain.sql").read_bytes()
    (there / "dump.sql").write_bytes(content[: content.rindex(b"-- PostgreSQL database dump complete")] + bytes(9000))
    assert verified(there / "dump.sql", reference=facts).verdict == ("GO", 0)


def test_a_cut_gzip(backups: Path, there: Path, verified: Verify) -> None:
    content = (backups / "created.sql.gz").read_bytes()
    (there / "dump.sql.gz").write_bytes(content[: len(content) // 2])
    answer = verified(there / "dump.sql.gz")
    assert answer.verdict == ("NO-GO", 1)
    assert "its gzip does not end" in answer.detail("restored")


def test_a_table_file_missing_in_a_directory(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "directory", there / "directory")
    max(path.glob("*.dat*"), key=lambda one: one.stat().st_size).unlink()
    assert verified(path).verdict == ("NO-GO", 1)


def test_a_sequence_that_fell_back_and_rows_that_are_not_there(backups: Path, there: Path, verified: Verify) -> None:
    content = (backups / "plain.sql").read_bytes()
    (there / "dump.sql").write_bytes(re.sub(rb"SELECT pg_catalog.setval[^;]*;", b"", content))
    assert verified(there / "dump.sql").red == {"sequences_behind"}


def test_an_index_built_carelessly(backups: Path, there: Path, verified: Verify) -> None:
    (there / "dump.sql").write_bytes(careless_index((backups / "plain.sql").read_bytes()))
    assert "vector_index_reach" in verified(there / "dump.sql").red


def test_a_schema_without_rows(backups: Path, there: Path, verified: Verify) -> None:
    content = (backups / "plain.sql").read_bytes()
    (there / "dump.sql").write_bytes(re.sub(rb"(?s)^(COPY [^\n]*\n).*?^\\\.$", rb"\1\\.", content, flags=re.MULTILINE))
    assert "rows" in verified(there / "dump.sql").red


def test_a_file_of_a_base_backup_changed(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "base", there / "base")
    largest = max((path / "base").rglob("*"), key=lambda one: one.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    answer = verified(path)
    assert answer.verdict == ("NO-GO", 1)
    assert answer.red == {"files_verified", "restored"}


def test_a_rotten_page_that_no_manifest_tells_of(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "base", there / "base")
    (path / "backup_manifest").unlink()
    largest = max((path / "base").rglob("*"), key=lambda one: one.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert verified(path).verdict[1] in NOT_GOOD


def test_a_base_backup_without_its_wal(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "base", there / "base")
    for one in (path / "pg_wal").iterdir():
        if one.is_file():
            one.unlink()
    (path / "backup_manifest").unlink()
    answer = verified(path)
    assert answer.verdict == ("NO-GO", 1)
    assert "no server starts" in answer.detail("restored")


def test_a_cut_archive_of_a_base_backup(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "tar", there / "tar")
    with (path / "base.tar").open("r+b") as file:
        file.truncate(file.seek(0, 2) // 2)
    assert verified(path).verdict == ("NO-GO", 1)


def test_a_file_that_an_archive_holds_twice_is_its_later_one(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "tar", there / "tar")
    with tarfile.open(path / "base.tar") as archive:
        info = archive.getmember("PG_VERSION")
        found = archive.extractfile(info)
        assert found is not None
        content = found.read()
    with tarfile.open(path / "base.tar", "a") as archive:
        archive.addfile(info, io.BytesIO(content))
    assert verified(path).verdict == ("PARTIAL", 0)


def test_a_check_sum_that_comes_after_the_archive(backups: Path, there: Path, verified: Verify) -> None:
    path = copied(backups / "tar.gz", there / "tar")
    content = bytearray((path / "base.tar.gz").read_bytes())
    content[-6] ^= 1
    (path / "base.tar.gz").write_bytes(content)
    assert verified(path).verdict == ("NO-GO", 1)


# --- with one


def without_a_row(content: bytes) -> bytes:
    row = list(ROW.finditer(content))[600]
    return content[: row.start()] + content[row.end() + 1 :]


def with_vectors_swapped(content: bytes) -> bytes:
    first, second = list(ROW.finditer(content))[100:102]
    return (
        content[: first.start(2)]
        + second[2]
        + content[first.end(2) : second.start(2)]
        + first[2]
        + content[second.end(2) :]
    )


def open_to_all(content: bytes) -> bytes:
    return re.sub(rb"(CREATE POLICY by_tenant [^;]*) USING \([^;]*;", rb"\1 USING (true);", content)


def without_policy(content: bytes) -> bytes:
    return re.sub(rb"CREATE POLICY [^;]*;", b"", content)


def careless_index(content: bytes) -> bytes:
    return content.replace(b"vector_cosine_ops);", b"vector_cosine_ops) WITH (m='2', ef_construction='4');")


def without_a_grant(content: bytes) -> bytes:
    return re.sub(rb"GRANT SELECT,INSERT ON TABLE public.chunks [^;]*;", b"", content)


def tenants_swapped(content: bytes) -> bytes:
    return ROW.sub(lambda row: row[0].replace(b"\t1\t", b"\t2\t", 1) if row[0].startswith(b"4\t") else row[0], content)


@pytest.mark.parametrize(
    ("broken", "subjects"),
    [
        (
            (with_vectors_swapped, open_to_all, careless_index, without_a_grant),
            {
                "table public.chunks: the same 1200 rows, but values changed places between rows",
                "policy public.chunks.by_tenant: changed",
                "index public.chunks_embedding_idx: changed",
                "grants of table public.chunks: lost",
            },
        ),
        (
            (without_a_row, without_policy),
            {"table public.chunks: 1 rows missing", "policy public.chunks.by_tenant: missing"},
        ),
        ((tenants_swapped,), {"table public.chunks: the same 1200 rows, but values of tenant_id changed"}),
    ],
)
def test_differences_from_the_reference(  # noqa: PLR0917 - pytest gives them by name
    broken: tuple[Broken, ...], subjects: set[str], backups: Path, facts: str, there: Path, verified: Verify
) -> None:
    content = (backups / "plain.sql").read_bytes()
    for one in broken:
        content, before = one(content), content
        assert content != before
    (there / "dump.sql").write_bytes(content)
    answer = verified(there / "dump.sql", reference=facts)
    assert answer.verdict == ("NO-GO", 1)
    differences = answer.value("differences")
    assert len(differences) == len(subjects)
    assert all(any(one.startswith(subject) for one in differences) for subject in subjects), differences


# --- what is none


def test_what_is_no_backup_is_refused(there: Path, verified: Verify) -> None:
    files = {
        "picture.dump": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        "nothing.dump": (b"", "it is empty"),
        "zeros.dump": (bytes(5000), "begins with zeros"),
        "zeros.sql.gz": (gzip.compress(bytes(10_000_000)), "begins with zeros"),
        "list.sql": (b"SELECT 1;\n", "begins with 'SELECT 1;'"),
    }
    for name, (content, said) in files.items():
        (there / name).write_bytes(content)
        with pytest.raises(UsageError, match=said):
            verified(there / name)
    (there / "empty").mkdir()
    for name, said in (("empty", "is an empty folder"), ("absent", "no such file"), ("", "a folder with")):
        with pytest.raises(UsageError, match=said):
            verified(there / name)


def test_what_is_not_supported_says_so(there: Path, verified: Verify) -> None:
    (there / "dump.sql.bz2").write_bytes(b"BZh91AY")
    answer = verified(there / "dump.sql.bz2")
    assert answer.verdict == ("HOLD", 3)
    assert "bzip2" in answer.finding.reason
