"""A disk of a limited size: really full, really given back, and gone also when gonogo was killed."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psycopg
import pytest
from tests.func.cli.gonogo import finish, gonogo, start
from tests.func.conftest import Running, running

from gonogo.core.outcome import Capability
from gonogo.faults import FAULTS
from gonogo.faults.disk_full import DiskFullParameters
from gonogo.pg.sessions import session
from gonogo.rundir.state import scratch_root
from gonogo.stacks.interfaces import limited_disk
from gonogo.stacks.local import disk as disks
from gonogo.stacks.local.mounts import mount_limited, mounts_below, unmount, unmount_below

FAULT = FAULTS.load("disk_full")
NOW = {"after": "0s", "hold": "0s"}
STACK = """
stack: small
disposable: true
services:
  db: {kind: postgres, database: app, disk: 192MiB}
data: {service: db}
"""


@pytest.fixture(scope="module", autouse=True)
def _mounts_are_possible(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("mount")
    reason = mount_limited(folder, 1 << 20, "gonogo-test")
    if reason is not None:
        pytest.skip(reason)
    unmount(folder)
    assert not mounts_below(folder)


def stack_file(folder: Path, name: str = "db") -> str:
    path = folder / "small.yaml"
    path.write_text(STACK.replace("db", name))
    return str(path)


def rows_of(stack: Running) -> int:
    with session(stack.stack.postgres().dsn(), timeout_seconds=10) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("then", ["space", "kill"])
def test_a_full_disk_refuses_writes_and_takes_them_again_with_the_space(tmp_path: Path, then: str) -> None:
    with running(tmp_path / "run", stack=stack_file(tmp_path)) as small:
        context, _ = small.context("chaos/test")
        server = small.stack.postgres()
        disk = limited_disk(server)
        assert disk is not None
        assert Capability.LIMIT_DISK in small.stack.capabilities
        with session(server.dsn(), timeout_seconds=10) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        full = FAULT.inject(context, DiskFullParameters.model_validate({**NOW, "then": then}))
        try:
            free = disk.free_bytes()
            with session(server.dsn(), timeout_seconds=10) as connection:
                refused = pytest.raises(psycopg.errors.DiskFull)
                with refused:
                    connection.execute("CREATE TABLE more AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
            assert rows_of(small) == 1000  # reading goes on
        finally:
            healed = full.heal(context)
        assert free < 1 << 20
        assert "No space left on device" in full.proof
        assert "a write was acknowledged" in healed
        assert ("killed" in healed) is (then == "kill")
        assert rows_of(small) == 1000
        assert disk.free_bytes() > 10 << 20
        scratch = small.stack.scratch
        assert len(mounts_below(scratch)) == 1
    assert mounts_below(scratch) == ()


def test_a_mount_outlives_neither_a_kill_of_gonogo_nor_clean(tmp_path: Path) -> None:
    def made() -> list[Path]:
        return [one for one in mounts_below(scratch_root()) if one.name == "killed"]  # others make mounts meanwhile

    process = start("up", "--stack", stack_file(tmp_path, "killed"), "--runtime", "embedded")
    limit = time.monotonic() + 60
    while not made() and time.monotonic() < limit:
        assert process.poll() is None
        time.sleep(0.05)
    assert finish(process, signal.SIGKILL).code == -signal.SIGKILL
    (mount,) = made()
    cleaned = gonogo("clean")
    assert cleaned.code == 0, cleaned.err
    assert made() == []
    assert not mount.exists()


def test_where_it_cannot_be_had_the_stack_starts_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "mount_limited", lambda *_: "mounts are not for you")
    with running(tmp_path / "run", stack=stack_file(tmp_path)) as small:
        assert small.stack.missing[Capability.LIMIT_DISK] == "mounts are not for you"
        assert not [one for one in small.run.state.open_records() if one.kind == "mount"]
        assert small.stack.scratch.stat().st_dev == (small.stack.scratch / "db").stat().st_dev


def test_a_mount_is_found_under_the_name_of_a_link_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "real" / "disk"
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert mount_limited(folder, 1 << 20, "gonogo-test") is None
    try:
        unmount_below(tmp_path / "link")
        assert mounts_below(folder) == ()
    finally:
        unmount(folder)
