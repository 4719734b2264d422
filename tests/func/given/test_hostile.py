"""A backup that means harm is contained, refused or stopped, and nothing outside of the run notices."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify, short_folder

from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.walls import Walls

TRAILER = b"\n--\n-- PostgreSQL database dump complete\n--\n"
HEADER = b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 16.1\n\n"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder for hostile backups."""
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def dump(folder: Path, body: str) -> Path:
    """A plain dump that says it is whole."""
    path = folder / "dump.sql"
    path.write_bytes(HEADER + body.encode() + TRAILER)
    return path


def test_code_in_psql_and_in_the_server_stays_in_the_box(there: Path, verified: Verify) -> None:
    outside = short_folder("out-")
    outside.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        sleeper = "(sleep 300 > /dev/null 2>&1 &)"
        call = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        body = f"""
\\! touch {outside}/by_psql; bash -c '{call}'; ls /proc /var /srv > seen; cat /etc/shadow >> seen; id >> seen
CREATE TABLE t (line text);
COPY t FROM PROGRAM 'touch {outside}/by_server; bash -c "{call}"; {sleeper}; id -u; ls -d /proc/1 /var /srv; true';
COPY t FROM PROGRAM 'cat ../seen';
\\! mkdir -p locked/inside; ln -s / locked/inside/root; chmod 0 locked/inside locked
ALTER SYSTEM SET archive_mode = on;
ALTER SYSTEM SET listen_addresses = '*';
"""
        answer = verified(dump(there, body))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert list(outside.iterdir()) == []
    outside.rmdir()
    assert answer.value("contained") is True
    assert answer.verdict == ("PARTIAL", 0)  # it restores: what it tried changed nothing
    assert answer.value("rows") == 2  # two user ids, and nothing of this host
    assert not sleeping(300)


@pytest.mark.parametrize(
    "body",
    ["DO $$ BEGIN LOOP END LOOP; END $$;", "\\! sleep 1000"],
    ids=["server", "psql"],
)
def test_what_never_ends_is_ended(body: str, there: Path, verified: Verify) -> None:
    began = time.monotonic()
    answer = verified(dump(there, body), time_limit_s=3.0)
    assert time.monotonic() - began < 15
    assert answer.verdict == ("HOLD", 3)
    assert "time limit" in answer.finding.reason


def test_a_dump_that_fills_the_disk_is_stopped(there: Path, verified: Verify) -> None:
    body = "CREATE TABLE t AS SELECT repeat(g::text, 200) FROM generate_series(1, 100000000) g;"
    answer = verified(dump(there, body), limit_bytes=150 * 2**20)
    assert answer.verdict == ("HOLD", 3)
    assert "it grew beyond 150" in answer.finding.reason


def test_a_bomb_is_stopped_while_it_expands(there: Path, verified: Verify) -> None:
    with gzip.open(there / "dump.sql.gz", "wb", compresslevel=1) as file:
        file.write(HEADER)
        for _ in range(300):
            file.write(bytes(2**20))
    answer = verified(there / "dump.sql.gz", limit_bytes=50 * 2**20)
    assert answer.verdict == ("HOLD", 3)
    assert "it expands to more than 50" in answer.finding.reason


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../../escaped", tarfile.REGTYPE, ""),
        ("/escaped", tarfile.REGTYPE, ""),
        ("base/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("base/hard", tarfile.LNKTYPE, "../../../etc/passwd"),
        ("base/device", tarfile.CHRTYPE, ""),
    ],
)
def test_an_archive_that_reaches_out_is_refused(
    name: str, kind: bytes, link: str, there: Path, verified: Verify
) -> None:
    with tarfile.open(there / "base.tar", "w") as archive:
        for member, content in (("PG_VERSION", b"18\n"), (name, b"harm")):
            info = tarfile.TarInfo(member)
            info.size = len(content) if member != name or kind == tarfile.REGTYPE else 0
            if member == name:
                info.type, info.linkname = kind, link
            archive.addfile(info, io.BytesIO(content))
    answer = verified(there)
    assert answer.verdict == ("NO-GO", 1)
    assert "which is no file or folder inside it" in answer.detail("restored")
    assert not (there.parent / "escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME], ids=["pax", "gnu"])
def test_a_name_that_would_fill_the_memory_is_refused(kind: bytes, there: Path, verified: Verify) -> None:
    info = tarfile.TarInfo("name")
    info.type, info.size = kind, 2**30
    with gzip.open(there / "base.tar.gz", "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
    answer = verified(there)
    assert answer.verdict == ("NO-GO", 1)
    assert "a name of 1073741824 bytes" in answer.detail("restored")


def test_a_link_out_of_a_folder_is_not_followed(backups: Path, there: Path, verified: Verify) -> None:
    secret = there.parent / "secret"
    secret.write_text("of somebody else")
    folder = there / "dump"
    folder.mkdir()
    (folder / "toc.dat").write_bytes((backups / "directory" / "toc.dat").read_bytes())
    (folder / "1.dat").symlink_to(secret)
    answer = verified(folder)
    assert answer.verdict == ("NO-GO", 1)
    assert "a link, which is not followed" in answer.detail("restored")


def test_without_containment_nothing_is_run_unless_it_is_trusted(
    backups: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the trial fails, as it does where user namespaces are forbidden."""
    monkeypatch.setattr(Walls, "_outside", lambda *_: ["/usr"])  # the trial sees what it must not
    answer = verified(backups / "custom")
    assert answer.verdict == ("HOLD", 3)
    assert "--trust-artefact" in answer.finding.reason


def test_a_home_that_holds_the_programs_is_no_flaw(
    there: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in CI, where the environment lies in the user's home: what leads to it is seen, and nothing beside it."""
    monkeypatch.setenv("HOME", str(find_binaries(None, unprivileged()).bindir.parents[2]))
    answer = verified(dump(there, ""))
    assert answer.value("contained") is True


def test_trusted_it_is_restored_all_the_same(backups: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Walls, "_outside", lambda *_: ["/usr"])
    answer = verified(backups / "custom", trust=True)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("contained") is False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_nothing_survives_a_kill_and_clean_removes_the_rest(contained: None, there: Path, tmp_path: Path) -> None:
    scratch = short_folder("gs-")
    environment = {**os.environ, "GONOGO_SCRATCH": str(scratch), "GONOGO_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "gonogo", "verify-backup", str(dump(there, "\\! sleep 986")), "-q"]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "out" / "run")], env=environment)
    try:
        wait_for(lambda: bool(sleeping(986)))
        process.kill()
        wait_for(lambda: not sleeping(986))
    finally:
        process.kill()
        process.wait()
    subprocess.run([sys.executable, "-m", "gonogo", "clean"], env=environment, check=True, timeout=60)
    assert [one for top in scratch.iterdir() for one in top.iterdir()] == []
    shutil.rmtree(scratch)


def sleeping(seconds: int) -> list[Path]:
    """Processes of this host, those in boxes too."""
    return [one for one in Path("/proc").glob("[0-9]*/cmdline") if _read(one) == b"sleep\x00%d\x00" % seconds]


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)
