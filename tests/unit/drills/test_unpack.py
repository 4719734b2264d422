"""Base backups copied and unpacked into a new data directory."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from gonogo.drills.pg_basebackup import size_of, unpack


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as opened:
        for member, content in members:
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member, b""


def test_a_plain_backup_is_copied_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "backup" / "base").mkdir(parents=True)
    (tmp_path / "backup" / "base" / "1").write_bytes(b"page")

    unpack(tmp_path / "backup", tmp_path / "data")

    assert (tmp_path / "data" / "base" / "1").read_bytes() == b"page"
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert size_of(tmp_path / "backup") == size_of(tmp_path / "data") == 4


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_archives_are_extracted_each_in_its_place(tmp_path: Path, ending: str) -> None:
    archive(tmp_path / f"base.tar{ending}", (tarfile.TarInfo("PG_VERSION"), b"18\n"), (tarfile.TarInfo("base/1"), b"x"))
    archive(tmp_path / f"pg_wal.tar{ending}", (tarfile.TarInfo("000000010000000000000001"), b"wal"))
    (tmp_path / "backup_manifest").write_text("{}")

    unpack(tmp_path, tmp_path / "data")

    found = {str(path.relative_to(tmp_path / "data")) for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert found == {"PG_VERSION", "base/1", "pg_wal/000000010000000000000001", "backup_manifest"}


@pytest.mark.parametrize(
    "member",
    [
        (tarfile.TarInfo("../outside"), b"x"),
        link("pg_tblspc/1", "../../../outside"),
        link("pg_wal", "/etc"),
    ],
    ids=["path", "relative link", "absolute link"],
)
def test_an_archive_that_leaves_the_data_directory_is_refused(
    tmp_path: Path, member: tuple[tarfile.TarInfo, bytes]
) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    archive(folder / "base.tar", member)
    (folder / "backup_manifest").write_text("{}")

    with pytest.raises(tarfile.TarError):
        unpack(folder, tmp_path / "data")

    assert not (tmp_path / "outside").exists()


def test_a_cut_archive_is_an_error(tmp_path: Path) -> None:
    archive(tmp_path / "base.tar.gz", (tarfile.TarInfo("base/1"), bytes(range(256)) * 4096))
    whole = (tmp_path / "base.tar.gz").read_bytes()
    (tmp_path / "base.tar.gz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises((EOFError, tarfile.TarError)):
        unpack(tmp_path, tmp_path / "data")
