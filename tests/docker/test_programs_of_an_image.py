"""Backups of another version than this host's PostgreSQL: restored by the programs of an image, in the same box."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.func.given.conftest import CONTENT

from gonogo.core.deadline import Deadline
from gonogo.core.finding import Finding
from gonogo.core.outcome import Outcome
from gonogo.engine.inputs import BACKUP_ITEM
from gonogo.engine.run import Observer
from gonogo.engine.verify import WAYS, VerifyOptions, verify
from gonogo.stacks.docker.engine import SERVICE
from gonogo.stacks.docker.images import mirror_map, replaced

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker

IMAGE = "pgvector/pgvector:pg17"
ENVIRONMENT = {"POSTGRES_PASSWORD": "of-no-use", "POSTGRES_INITDB_ARGS": "--data-checksums"}
READY = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-c", "SELECT 1"]  # not the server that only initialises
FILL = 'printf "%s" "$CONTENT" | psql -q -U postgres -v ON_ERROR_STOP=1'
BACKUPS = "pg_basebackup -U postgres -D /tmp/base -X fetch -c fast && pg_dump -U postgres -Fc -f /tmp/rag.dump rag"


@pytest.fixture(scope="module")
def backups(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A base backup and a dump of PostgreSQL 17, made in a container without network."""
    server = engine.containers.run(
        replaced(IMAGE, mirror_map()), detach=True, network_mode="none", environment=ENVIRONMENT
    )
    try:
        answered = Deadline.after(60)
        answered.poll(lambda: server.exec_run(READY).exit_code == 0, every_seconds=0.1, what="PostgreSQL 17 answers")
        for command in (FILL, BACKUPS):
            done = server.exec_run(["sh", "-ec", command], user="postgres", environment={"CONTENT": CONTENT})
            assert done.exit_code == 0, done.output
        folder = tmp_path_factory.mktemp("backups")
        for name in ("base", "rag.dump"):
            content = b"".join(server.get_archive(f"/tmp/{name}")[0])
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(folder, filter="data")
        yield folder
    finally:
        server.remove(force=True, v=True)


def verified(path: Path, out: Path, image: str | None = None) -> Finding:
    """The finding about a backup."""
    result = verify(VerifyOptions(path=str(path), out=out, image=image, time_limit_s=120), Observer())
    return next(one for one in result.judgement.findings if one.id == BACKUP_ITEM)


def test_files_of_another_version_are_restored_by_the_usual_image(
    engine: DockerClient, backups: Path, tmp_path: Path
) -> None:
    finding = verified(backups / "base", tmp_path / "run")

    assert finding.outcome is Outcome.PASS, finding.reason
    facts = (tmp_path / "run" / "facts.json").read_text()
    assert f'"postgresql": "{IMAGE} (' in facts
    assert not engine.containers.list(all=True, filters={"label": f"{SERVICE}=programs"})


def test_what_is_broken_in_them_is_found(backups: Path, tmp_path: Path) -> None:
    broken = tmp_path / "base"
    shutil.copytree(backups / "base", broken)
    victim = max(broken.glob("base/*/*"), key=lambda one: one.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0x10
    victim.write_bytes(content)

    assert verified(broken, tmp_path / "run").outcome is Outcome.FAIL


def test_a_dump_is_restored_by_the_image_that_was_asked_for(backups: Path, tmp_path: Path) -> None:
    finding = verified(backups / "rag.dump", tmp_path / "run", IMAGE)

    assert finding.outcome is Outcome.PASS, finding.reason
    assert '"postgresql": "17.' in (tmp_path / "run" / "facts.json").read_text()


@pytest.mark.parametrize(
    ("image", "reason"),
    [("redis:7", "the image redis:7 has no PostgreSQL"), ("gonogo-test/nowhere:1", "could not be pulled")],
)
def test_an_image_that_does_not_help_proves_nothing(backups: Path, tmp_path: Path, image: str, reason: str) -> None:
    options = VerifyOptions(path=str(backups / "rag.dump"), out=tmp_path / "run", image=image, explore=True)

    found = {one.id: one for one in verify(options, Observer()).judgement.findings}

    assert found[BACKUP_ITEM].outcome is found[WAYS].outcome is Outcome.UNKNOWN
    assert reason in found[BACKUP_ITEM].reason
    assert "the backup was not restored" in found[WAYS].reason


def test_a_version_that_is_nowhere_proves_nothing(backups: Path, tmp_path: Path) -> None:
    old = tmp_path / "base"
    shutil.copytree(backups / "base", old)
    (old / "PG_VERSION").write_text("12\n")

    finding = verified(old, tmp_path / "run")

    assert finding.outcome is Outcome.UNKNOWN
    assert "it is of PostgreSQL 12, here is PostgreSQL" in finding.reason
    assert "pgvector/pgvector:pg12" in finding.reason
