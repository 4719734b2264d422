"""Repositories of pgBackRest and Barman, made by them of a server of Debian's, and restored by them in the box."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.func.given.conftest import Source, Verify, copied, short_folder, with_a_flipped_bit

from gonogo.core.outcome import Outcome
from gonogo.drills.given import barman, pgbackrest
from gonogo.engine.portraits import write_portrait
from gonogo.engine.verify import WAYS
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import find_binaries, packaged

PROGRAMS = {name: shutil.which(name, path="/usr/bin:/bin") for name in ("pgbackrest", "barman")}
OLDEST = next((one.bindir for one in packaged(unprivileged())), None)  # which the versions of both here know
pytestmark = pytest.mark.skipif(
    OLDEST is None or None in PROGRAMS.values(), reason="pgbackrest, barman and a PostgreSQL of Debian are not all here"
)
SECONDS = 30.0
ARCHIVED = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
CONFIGURATION = """\
[barman]
barman_home = {folder}/barman
barman_user = {user}
log_file = {folder}/barman.log
path_prefix = {bindir}
compression = gzip
[main]
description = main
conninfo = host={folder} user=postgres dbname=postgres
streaming_conninfo = host={folder} user=postgres
backup_method = postgres
archiver = on
"""


class Cluster(Source):
    """A server whose WAL goes to both."""

    def tool(self, *command: str) -> None:
        """Run a program of theirs as the server's user."""
        environment = {"PGHOST": str(self.folder), "PGUSER": "postgres", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        subprocess.run(
            command, check=True, cwd=self.folder, env={**environment, "HOME": str(self.folder)}, timeout=120,
            stdout=subprocess.DEVNULL, **unprivileged().credentials(),
        )  # fmt: skip

    def row(self) -> None:
        """One more row, and its WAL archived."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="shop", autocommit=True) as connection:
            connection.execute("INSERT INTO goods DEFAULT VALUES")
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert row is not None
            limit = time.monotonic() + SECONDS
            while connection.execute(ARCHIVED, row).fetchone() != (True,):
                assert time.monotonic() < limit
                time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """With a full and an incremental backup by pgBackRest, and one by Barman; one row after each."""
    account = unprivileged()
    folder = short_folder("repos-")
    account.own(folder)
    found = Cluster(folder=folder, binaries=find_binaries(str(OLDEST), account))
    data = str(folder / "data")
    common = f"--no-config --stanza=main --repo1-path={folder}/pgbackrest --pg1-path={data} --lock-path={folder}/lock"
    rest = f"{PROGRAMS['pgbackrest']} {common} --log-level-file=off --log-level-console=off"
    more = f"--pg1-socket-path={folder} --pg1-user=postgres --repo1-retention-full=2 --start-fast"
    archive = f"{rest} archive-push %p && cp %p {folder}/barman/main/incoming/%f"
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c archive_mode=on -c archive_command='{archive}'"
    )
    found.own(folder / "pgbackrest")
    for name in ("barman", "barman/main", "barman/main/incoming"):
        found.own(folder / name)
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, user=account.name, bindir=found.binaries.bindir))
    manage = (PROGRAMS["barman"] or "", "-c", str(folder / "conf"))
    try:
        found.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-k")
        found.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            found.sql("CREATE DATABASE shop")
            found.sql("CREATE TABLE goods (id serial PRIMARY KEY)", database="shop")
            found.tool(*f"{rest} --pg1-socket-path={folder} --pg1-user=postgres stanza-create".split())
            for kind in ("full", "incr"):
                found.tool(*f"{rest} {more} --type={kind} backup".split())
                found.row()
            found.tool(*manage, "archive-wal", "main")
            found.tool(*manage, "backup", "main")
            found.row()
            found.tool(*manage, "archive-wal", "main")
            write_portrait(f"host={folder} user=postgres dbname=shop", folder / "facts.json")
            yield found
        finally:
            found.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def repository(cluster: Cluster, there: Path) -> Callable[[str], Path]:
    """A copy of one, which may be broken: the original is written to as long as the server runs."""
    return lambda name: copied(cluster.folder / name, there / name)


def test_one_damaged_list_of_two_is_no_harm(repository: Callable[[str], Path], verified: Verify) -> None:
    path = repository("pgbackrest")
    info = path / "backup" / "main" / "backup.info"
    info.write_bytes(bytes(info.stat().st_size))
    assert verified(path).verdict == ("PARTIAL", 0)
    info.with_name("backup.info.copy").write_bytes(b"")
    answer = verified(path)
    assert answer.verdict == ("NO-GO", 1)
    assert "backup.info of stanza main is damaged" in answer.detail("restored")


@pytest.mark.parametrize("name", ["pgbackrest", "barman"])
def test_equal_to_its_reference_is_go(
    name: str, cluster: Cluster, repository: Callable[[str], Path], verified: Verify
) -> None:
    answer = verified(repository(name), reference=str(cluster.folder / "facts.json"))
    assert answer.verdict == ("GO", 0), answer.finding.reason
    assert 0 <= answer.value("backup_age") < 3600  # its control file tells
    assert answer.value("rows") == 3


@pytest.mark.parametrize("name", ["pgbackrest", "barman"])
def test_its_ways_begin_with_the_files_that_its_tool_brought(
    name: str, repository: Callable[[str], Path], verified: Verify
) -> None:
    answer = verified(repository(name), explore=True, time_limit_s=120)
    (found,) = (one for one in answer.result.judgement.findings if one.id == WAYS)
    assert found.outcome is Outcome.PASS, found.reason
    (table,) = found.tables
    assert [row[0] for row in table.rows] == ["as it comes", "syncfs", "memory", "no fsync"]
    assert any(one.startswith("in every way its files have to be brought together") for one in table.remarks)


def test_another_backup_of_it_without_a_reference_is_partial(
    repository: Callable[[str], Path], verified: Verify
) -> None:
    path = repository("pgbackrest")
    full = next(one.name for one in (path / "backup" / "main").iterdir() if one.name.endswith("F"))
    answer = verified(path, backup=full)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("backup_used").startswith(f"{full} of stanza main")


def largest(folder: Path) -> Path:
    return max((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)


def largest_file_of_data(path: Path) -> Path:
    """Of the full backup; a damaged manifest would be no loss, there is a copy of it."""
    return max((path / "backup" / "main").glob("*F/pg_data/base/*/*"), key=lambda one: one.stat().st_size)


def wal(path: Path) -> list[Path]:
    """The segments, in order."""
    return sorted(one for one in path.rglob("0000000100000000/*") if "backup" not in one.name)


def failed(path: Path) -> None:
    for info in path.rglob("backup.info"):
        info.write_text(info.read_text().replace("status=DONE", "status=FAILED"))


def linked(path: Path) -> None:
    one = largest_file_of_data(path)
    one.unlink()
    one.symlink_to("/etc/passwd")


def without_full(path: Path) -> None:
    full = next(one for one in (path / "backup" / "main").iterdir() if one.name.endswith("F"))
    full.rename(path / "elsewhere")


BROKEN: dict[tuple[str, str], tuple[Callable[[Path], object], str]] = {
    ("pgbackrest", "flip"): (lambda path: with_a_flipped_bit(largest_file_of_data(path)), "pgbackrest: "),
    ("pgbackrest", "full"): (without_full, "which is needed, is not there"),
    ("pgbackrest", "link"): (linked, "a link, which is not followed"),
    ("pgbackrest", "wal"): (lambda path: wal(path / "archive")[-2].unlink(), "WAL is missing"),
    ("pgbackrest", "wal-flip"): (lambda path: with_a_flipped_bit(wal(path / "archive")[-1]), "0000000100000000"),
    ("barman", "flip"): (lambda path: with_a_flipped_bit(largest(path / "main" / "base")), "pg_verifybackup"),
    ("barman", "failed"): (failed, "there is no finished backup"),
    ("barman", "label"): (
        lambda path: next((path / "main" / "wals").rglob("*.backup")).write_bytes(b""),
        "is not compressed as xlog.db says",
    ),
    ("barman", "list"): (lambda path: (path / "main" / "wals" / "xlog.db").write_bytes(b""), "xlog.db, does not name"),
    ("barman", "wal"): (lambda path: wal(path / "main" / "wals")[-2].unlink(), "WAL is missing: 0000000100000000"),
}


@pytest.mark.parametrize(("name", "what"), BROKEN)
def test_what_is_damaged_or_missing_is_no_go(
    name: str, what: str, repository: Callable[[str], Path], verified: Verify
) -> None:
    breaks, said = BROKEN[name, what]
    path = repository(name)
    breaks(path)
    answer = verified(path)
    assert answer.verdict == ("NO-GO", 1)
    assert said in answer.detail("restored")


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("xlog.db", 3, ("NO-GO", 1)),  # of a version that compressed nothing, and these files are compressed
        ("main-xlog.db", 4, ("PARTIAL", 0)),
        ("main-xlog.db", 5, ("PARTIAL", 0)),
        ("elsewhere", 5, ("HOLD", 3)),
    ],
)
def test_the_list_of_other_versions_of_barman_is_known(
    name: str, fields: int, expected: tuple[str, int], repository: Callable[[str], Path], verified: Verify
) -> None:
    path = repository("barman")
    old = path / "main" / "wals" / "xlog.db"
    lines = [[*line.split("\t"), "None"] for line in old.read_text().splitlines()]
    old.rename(old.with_name(name))
    old.with_name(name).write_text("".join("\t".join(line[:fields]) + "\n" for line in lines))
    assert verified(path).verdict == expected


@pytest.mark.parametrize(("field", "value"), [(3, "bzip2"), (4, "gpg")])
def test_what_gonogo_cannot_read_of_it_is_not_known(
    field: int, value: str, repository: Callable[[str], Path], verified: Verify
) -> None:
    path = repository("barman")
    listed = path / "main" / "wals" / "xlog.db"
    lines = [[*line.split("\t"), "None"] for line in listed.read_text().splitlines()]
    listed.write_text("".join("\t".join([*line[:field], value, *line[field + 1 :]]) + "\n" for line in lines))
    assert verified(path).verdict == ("HOLD", 3)


def test_without_their_programs_it_is_not_known(
    repository: Callable[[str], Path], verified: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((pgbackrest, "pgbackrest"), (barman, "barman")):
        monkeypatch.setattr(module, "decompressor", lambda _: None)
        answer = verified(repository(name))
        assert answer.verdict == ("HOLD", 3)
        assert f"there is no program {name} here" in answer.finding.reason
