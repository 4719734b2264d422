"""A database in a container with a disk of a limited size: full, killed, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.func.conftest import running

from gonogo.core.deadline import Deadline
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import limited_disk

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
FILL = "INSERT INTO kept SELECT repeat(md5(i::text), 100) FROM generate_series(1, 20000) AS i"
STACK = """\
stack: full
disposable: true
services:
  db: {kind: postgres, disk: 256MiB, container: {memory: 1GiB, cpus: 2}}
"""


def test_a_full_database_refuses_is_killed_and_has_kept_what_it_confirmed(engine: DockerClient, tmp_path: Path) -> None:
    path = tmp_path / "full.yaml"
    path.write_text(STACK)
    with running(tmp_path / "run", runtime="docker", stack=str(path)) as found:
        server = found.stack.postgres()
        disk = limited_disk(server)
        assert Capability.LIMIT_DISK in found.stack.capabilities
        assert disk is not None
        assert disk.missing is None
        with session(server.dsn(), timeout_seconds=60) as connection:
            connection.execute("CREATE TABLE kept (content text)")
            connection.execute("INSERT INTO kept VALUES ('confirmed')")
        assert 50 * 2**20 < disk.fill() < 256 * 2**20
        with (
            session(server.dsn(), timeout_seconds=60) as connection,
            pytest.raises(psycopg.Error),  # refused, or the server gave up with its WAL
        ):
            connection.execute(FILL.encode())
        server.kill()
        disk.release()
        server.start(Deadline.after(90))
        with session(server.dsn(), timeout_seconds=60) as connection:
            assert connection.execute("SELECT content FROM kept").fetchall() == [("confirmed",)]
            connection.execute("INSERT INTO kept VALUES ('again')")
