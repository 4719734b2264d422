"""Backups that somebody else made: of a small database with tenants and vectors, by PostgreSQL's own programs."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.finding import Finding
from gonogo.core.outcome import Outcome
from gonogo.drills.given import Asked
from gonogo.engine.portraits import write_portrait
from gonogo.engine.run import Observer, Result
from gonogo.engine.verify import VerifyOptions, verify
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import Binaries, find_binaries

CONTENT = """
CREATE ROLE rag_owner LOGIN;
CREATE ROLE rag_app LOGIN;
CREATE ROLE "odd Role";
CREATE DATABASE rag OWNER rag_owner;
\\connect rag
CREATE EXTENSION vector;
GRANT CREATE ON SCHEMA public TO rag_owner;
SET ROLE rag_owner;
CREATE TABLE tenants (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE chunks (
    id bigserial PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, body text, embedding vector(8)
);
INSERT INTO tenants (name) SELECT 'tenant ' || g FROM generate_series(1, 4) g;
INSERT INTO chunks (tenant_id, body, embedding)
    SELECT 1 + g % 4, 'text of chunk ' || g, ARRAY(SELECT sin(g * 7.3 * d + d * d) FROM generate_series(1, 8) d)::vector
    FROM generate_series(1, 1200) g;
CREATE UNLOGGED TABLE cache AS SELECT g FROM generate_series(1, 9) g;
CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops);
ALTER TABLE chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON chunks TO rag_app USING (tenant_id = current_setting('app.tenant')::int);
GRANT SELECT, INSERT ON chunks, tenants TO rag_app;
GRANT SELECT ON tenants TO "odd Role";
RESET ROLE;
ALTER DATABASE rag SET hnsw.ef_search = 80;
"""
SECONDS = 60.0
ASKED = tuple(one.name for one in fields(Asked))
MEMORY = Path("/dev/shm")  # neither test nor neighbour waits for a disk there
ROOM_BYTES = 2 * 2**30


def short_folder(prefix: str) -> Path:
    """A new folder that the server's user can reach (pytest's own are private), in memory where there is room."""
    fits = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if fits else None))
    folder.chmod(0o711)
    return folder


@dataclass(frozen=True, kw_only=True)
class Source:
    """A running server, and where its backups are kept."""

    folder: Path
    binaries: Binaries

    @property
    def dsn(self) -> str:
        """Of its superuser."""
        return f"host={self.folder} user=postgres dbname=rag"

    def own(self, folder: Path) -> Path:
        """Make a folder of its user."""
        folder.mkdir()
        unprivileged().own(folder)
        return folder

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each on its own."""
        commands = [f"--command={one}" for one in statements]
        self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, *commands)

    def run(self, program: str, *arguments: str, text: str | None = None) -> None:
        """Run one of its programs as its user."""
        account = unprivileged()
        environment = {"PGHOST": str(self.folder), "PGUSER": "postgres", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        subprocess.run(
            [self.binaries.program(program), *arguments], check=True, cwd=self.folder, env=environment, input=text,
            text=True, timeout=SECONDS, stdout=subprocess.DEVNULL, **account.credentials(),
        )  # fmt: skip


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    """The server, stopped at the end."""
    account = unprivileged()
    folder = short_folder("given-")
    account.own(folder)
    found = Source(folder=folder, binaries=find_binaries(None, account))
    data = str(folder / "data")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c dynamic_shared_memory_type=mmap"
    options += " -c summarize_wal=on"
    try:
        found.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        found.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            found.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", text=CONTENT)
            yield found
        finally:
            found.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def backups(source: Source) -> Path:
    """One backup of every kind, by name; never changed."""
    folder = source.folder / "backups"
    source.own(folder)
    for name, arguments in {
        "custom": ["-Fc"], "directory": ["-Fd"], "dump.tar": ["-Ft"], "plain.sql": [], "created.sql": ["--create"],
    }.items():  # fmt: skip
        source.run("pg_dump", *arguments, f"--file={folder / name}", "rag")
    source.run("pg_dumpall", f"--file={folder / 'all.sql'}")
    for name, arguments in {"base": ["-Fp"], "tar": ["-Ft"], "tar.gz": ["-Ft", "-z"]}.items():
        source.run("pg_basebackup", *arguments, f"--pgdata={folder / name}", "--checkpoint=fast", "--no-sync")
    (folder / "created.sql.gz").write_bytes(gzip.compress((folder / "created.sql").read_bytes()))
    if program := shutil.which("zstd"):
        subprocess.run([program, "-q", str(folder / "plain.sql")], check=True)
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder for a copy that may be broken."""
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def copied(backup: Path, target: Path) -> Path:
    """A copy of a backup that may be broken."""
    return Path(shutil.copytree(backup, target, symlinks=True) if backup.is_dir() else shutil.copy(backup, target))


def with_a_flipped_bit(path: Path, share: float = 0.5) -> Path:
    """Change one bit of a file, in place."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 4
    path.write_bytes(content)
    return path


@pytest.fixture(scope="session")
def facts(source: Source, backups: Path) -> str:
    """The facts file of the database that they were made of."""
    path = source.folder / "facts.json"
    write_portrait(source.dsn, path)
    return str(path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a verification."""

    result: Result

    @property
    def verdict(self) -> tuple[str, int]:
        """With its exit code."""
        return self.result.judgement.verdict.value, self.result.judgement.exit_code

    @property
    def finding(self) -> Finding:
        """Of the one item that runs."""
        return self.result.judgement.findings[0]

    @property
    def red(self) -> set[str]:
        """The expectations that fail."""
        return {one.observation for one in self.finding.expectations if one.outcome is Outcome.FAIL}

    def value(self, name: str) -> Any:
        """Of an observation without subject."""
        (found,) = [one for one in self.finding.observations if one.name == name and not one.subject]
        return found.value

    def detail(self, name: str) -> str:
        """Of an observation without subject."""
        return next(one.detail for one in self.finding.observations if one.name == name and not one.subject)


Verify = Callable[..., Answer]


@pytest.fixture
def verified(contained: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verify]:
    """Verify a backup; nothing may be written beside it or left of the run."""
    scratch = short_folder("gs-")
    monkeypatch.setenv("GONOGO_SCRATCH", str(scratch))

    number = count()

    def run(path: Path, *, url: str = "", **options: Any) -> Answer:
        before = listing(path.parent)
        asked = Asked(**{name: options.pop(name) for name in ASKED if name in options})
        chosen = {"time_limit_s": SECONDS, "asked": asked, **options}
        result = verify(
            VerifyOptions(path=url or str(path), out=tmp_path / "out" / "run" / str(next(number)), **chosen), Observer()
        )
        assert listing(path.parent) == before
        assert [one for top in scratch.iterdir() for one in top.iterdir()] == []
        return Answer(result=result)

    yield run
    shutil.rmtree(scratch)


def listing(folder: Path) -> Sequence[tuple[str, int, int]]:
    """Every file with its size and the instant of its last change."""
    return sorted(
        (str(path), found.st_size, found.st_mtime_ns)
        for top, _, names in os.walk(folder)
        for path in (Path(top, name) for name in names)
        if "/out/run/" not in str(path) and (found := path.lstat())
    )
