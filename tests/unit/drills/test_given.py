"""What a backup is and what its SQL speaks of, by text alone."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.drills import RestoreFailed
from gonogo.drills.given import BackupKind
from gonogo.drills.given.chain import Link, chosen, require_newest
from gonogo.drills.given.label import Label
from gonogo.drills.given.recognise import recognise
from gonogo.drills.given.script import LONGEST_LINE, lines_of, spoken
from gonogo.drills.given.staging import Inflating, strict_info

SCRIPT = """\
-- Dumped from database version 16.4 (Debian 16.4-1)
SET client_encoding = 'SQL_ASCII';
CREATE DATABASE "Shop" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';
ALTER DATABASE "Shop" OWNER TO keeper;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
ALTER EVENT TRIGGER et OWNER TO boss;
CREATE POLICY p ON public.t TO app, "Odd ""one"" " USING ((tenant = 1));
COPY public.t (line) FROM stdin;
ALTER TABLE public.t OWNER TO a_row;
GRANT ALL ON TABLE public.t TO another_row;
\\.
GRANT SELECT,INSERT ON TABLE public.t TO reader WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO pg_read_all_data;
"""


def test_what_a_dump_speaks_of() -> None:
    found = spoken(SCRIPT.splitlines(keepends=True))
    assert found.database == "Shop"
    assert (found.major, found.encoding) == (16, "SQL_ASCII")
    assert found.owners
    assert list(found.extensions) == ["vector"]
    assert found.superusers == {"boss"}
    assert set(found.roles) == {"keeper", "boss", "app", 'Odd "one" ', "reader", "maker"}


@pytest.mark.parametrize(
    ("files", "major"),
    [
        ({"PG_VERSION": b"15\n", "global/pg_control": b"", "backup_label": b""}, 15),
        ({"a/PG_VERSION": b"9.6\n", "a/global/x": b"", "b/PG_VERSION": b"17\n", "b/global/x": b""}, 17),
        ({"archive/m/x": b"", "backup/m/backup.info": b'[db]\ndb-id=1\ndb-version="16"\n'}, 16),
        ({"m/wals/xlog.db": b"", "m/base/20260101T000000/backup.info": b"timeline=1\nversion=150018\n"}, 15),
        ({"m/wals/xlog.db": b"", "m/base/20260101T000000/other": b""}, None),
        ({"PG_VERSION": b"\xff" * 99, "global/pg_control": b"", "backup_label": b""}, None),
        ({"base.tar": b"", "backup_manifest": b"{}"}, None),
    ],
)
def test_of_which_version_files_are(files: dict[str, bytes], major: int | None, tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / "it" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert recognise(tmp_path / "it").major == major


def test_a_file_without_line_ends_is_not_one_line_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * 3 * LONGEST_LINE + b"\nGRANT\n")
    assert [len(line) for line in lines_of(path, Deadline.after(10))] == [LONGEST_LINE, 6]


@pytest.mark.parametrize(
    ("files", "kind", "unsupported"),
    [
        ({"toc.dat": b"PGDMP"}, BackupKind.DIRECTORY, ""),
        ({"base.tar.gz": b"", "backup_manifest": b"{}"}, BackupKind.BASE_TAR, ""),
        ({"base.tar.lz4": b"", "16400.tar.lz4": b""}, BackupKind.BASE_TAR, ""),
        ({"full/base.tar": b"", "next/PG_VERSION": b"18", "next/global/pg_control": b""}, BackupKind.CHAIN, ""),
        ({"PG_VERSION": b"18", "global/pg_control": b"", "backup_label": b""}, BackupKind.BASE, ""),
        ({"PG_VERSION": b"18", "global/pg_control": b""}, BackupKind.BASE, "no base backup"),
        (
            {"PG_VERSION": b"18", "global/pg_control": b"", "backup_label": b"INCREMENTAL FROM LSN: 0/2"},
            BackupKind.BASE,
            "incremental",
        ),
        ({"archive/x": b"", "backup/x": b""}, BackupKind.PGBACKREST, ""),
    ],
)
def test_folders(files: dict[str, bytes], kind: BackupKind | None, unsupported: str, tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / "backup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = recognise(tmp_path / "backup")
    assert found.kind is kind
    assert unsupported in found.unsupported
    assert bool(found.unsupported) == bool(unsupported)


def test_a_backup_in_gzip_is_what_is_inside(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(gzip.compress(b"PGDMP\x01"))
    found = recognise(path)
    assert (found.kind, found.compression) == (BackupKind.CUSTOM, "gzip")
    path.write_bytes(gzip.compress(b"%PDF"))
    with pytest.raises(UsageError, match="it is a PDF document"):
        recognise(path)


def inflated(content: bytes) -> bytes:
    parts = [content[start : start + 1000] for start in range(0, len(content), 1000)]
    reading = Inflating(lambda _size: parts.pop(0) if parts else b"", "it")
    return b"".join(iter(lambda: reading.read(100), b""))


def test_gzip_in_bounded_steps() -> None:
    content = bytes(range(256)) * 5000
    two = gzip.compress(content) + gzip.compress(b"second member")
    assert inflated(two) == content + b"second member"
    assert inflated(two + bytes(512)) == content + b"second member"
    assert inflated(b"") == b""
    with pytest.raises(RestoreFailed, match="does not end"):
        inflated(two[:-5])
    with pytest.raises(RestoreFailed, match="cannot be decompressed"):
        inflated(two[:300] + b"\xff\xff\xff" + two[303:])


def tar_of(between: bytes = b"", behind: bytes = b"") -> bytes:
    """Two files in an archive, with something between them or behind its end."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in ("one", "two"):
            info = tarfile.TarInfo(name)
            info.size = 600
            archive.addfile(info, io.BytesIO(bytes([7]) * 600))
    content, second = written.getvalue(), 3 * tarfile.BLOCKSIZE
    return content[:second] + between + content[second : 2 * second] + bytes(2 * tarfile.BLOCKSIZE) + behind


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (tar_of(), ["one", "two"]),
        (tar_of(between=bytes(tarfile.BLOCKSIZE)), ["one", "two"]),  # a lone empty block, which GNU tar passes over
        (tar_of(between=bytes(2 * tarfile.BLOCKSIZE)), ["one"]),  # two are the end
        (tar_of(behind=tar_of()), ["one", "two"]),  # what comes behind it is not read
        (tar_of(behind=b"noise" * 500), ["one", "two"]),
    ],
)
def test_an_archive_ends_where_it_ends_for_gnu_tar(content: bytes, names: list[str]) -> None:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|", tarinfo=strict_info(), ignore_zeros=True) as archive:
        assert [one.name for one in iter(archive.next, None)] == names


def test_a_header_that_is_none_is_an_error() -> None:
    content = io.BytesIO(tar_of(between=b"z" * tarfile.BLOCKSIZE))
    with (
        tarfile.open(fileobj=content, mode="r|", tarinfo=strict_info(), ignore_zeros=True) as archive,
        pytest.raises(tarfile.TarError),
    ):
        list(iter(archive.next, None))


def test_a_folder_beside_the_backups_that_may_not_be_read_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("archive/main", "backup/main", "lost+found"):
        (tmp_path / name).mkdir(parents=True)
    original = Path.iterdir

    def refused(self: Path) -> Iterator[Path]:
        if self.name == "lost+found":
            raise PermissionError
        return original(self)

    monkeypatch.setattr(Path, "iterdir", refused)  # root may read everything
    assert recognise(tmp_path).kind is BackupKind.PGBACKREST


def link(name: str, lsn: int, *, timeline: int = 1, system: str = "", day: int | None = None) -> Link:
    time = datetime(2026, 1, day, tzinfo=UTC) if day else None
    return Link(path=Path(name), label=Label(start=(lsn, timeline), time=time), system=system)


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ([link("old", 900, system="1"), link("new", 20, system="2")], "backups of 2 clusters"),
        ([link("old", 900, day=1), link("new", 20, day=2)], "new was begun after old"),
        ([link("old", 900, timeline=2, day=1), link("new", 950, day=2)], "new was begun after old"),
    ],
)
def test_the_farthest_in_the_log_is_not_the_newest_of_two_clusters(links: list[Link], said: str) -> None:
    with pytest.raises(NotMeasurable, match=said):
        require_newest(chosen(links, ""), links)


def test_of_one_cluster_it_is() -> None:
    links = [link("one", 20, system="1", day=1), link("two", 900, system="1", day=2), link("three", 950)]
    require_newest(chosen(links, ""), links)
