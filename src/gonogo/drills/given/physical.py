"""Base backups: copied, verified against their manifest, started from; the configuration they bring is not used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, StackError
from gonogo.drills import Phases, RestoreFailed, words
from gonogo.drills.given import LACKING, BackupKind, Given
from gonogo.drills.given.staging import Taking
from gonogo.stacks.local.boxed import LET_IN, BoxedPostgres
from gonogo.stacks.sqlserver import complaint

MANIFEST, WAL = "backup_manifest", "pg_wal"
NOT_OURS = (
    "postgresql.auto.conf",
    "standby.signal",
    "recovery.signal",
    "recovery.conf",
    "postmaster.pid",
    "postmaster.opts",
)
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
VERSION_BYTES = 32
SHORTEST_DATA = 5  # entries of a data directory, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whether every file is as the manifest says; `value` is None where there is no manifest to tell."""

    value: bool | None
    detail: str


def unpack(given: Given, taking: Taking, data: Path) -> None:
    """Copy or unpack the backup into the data directory. Raises RestoreFailed, NotMeasurable."""
    if given.kind is BackupKind.BASE:
        taking.folder(given.path, data)
        return
    for name, where in (("base", "."), ("pg_wal", WAL)):
        for archive in sorted(given.path.glob(f"{name}.tar*")):
            taking.archive(archive, data / where, COMPRESSIONS.get(archive.suffix, ""))
    manifest = given.path / MANIFEST
    if manifest.is_file() and not (data / MANIFEST).exists():
        taking.file(manifest, data / MANIFEST)


def require_major(data: Path, major: int) -> int:
    """The backup's major version, which has to be the server's. Raises RestoreFailed, NotMeasurable."""
    try:
        text = (data / "PG_VERSION").read_bytes()[:VERSION_BYTES].decode().strip()
        found = int(text.partition(".")[0])
    except (OSError, ValueError) as error:
        raise RestoreFailed(f"its PG_VERSION cannot be read: {error}") from error
    if found != major:
        raise NotMeasurable(
            f"it is of PostgreSQL {found}, and a base backup starts on no other; here is PostgreSQL {major}"
        )
    return found


def verify(server: BoxedPostgres, deadline: Deadline) -> Verified:
    """pg_verifybackup over every file and the WAL of the copy."""
    if not (server.data / MANIFEST).is_file():
        return Verified(value=None, detail="it has no manifest: nobody can tell whether its files are whole")
    has_reader = (server.box.binaries.bindir / "pg_waldump").is_file()
    arguments = [str(server.data)] if has_reader else ["--no-parse-wal", str(server.data)]
    result = server.box.tool("pg_verifybackup", arguments, deadline=deadline)
    if result.exit_code:
        return Verified(value=False, detail=f"pg_verifybackup: {words(result)}")
    wal = "its WAL too" if has_reader else "its WAL was not read (there is no pg_waldump)"
    return Verified(value=True, detail=f"every file is as the manifest says, {wal}")


def start(server: BoxedPostgres, phases: Phases, deadline: Deadline) -> None:
    """Recover, let ourselves in, start. Raises RestoreFailed where no server starts from these files."""
    for name in (*NOT_OURS, MANIFEST):
        (server.data / name).unlink(missing_ok=True)
    server.box.own(server.data)
    phases.begin("WAL replay")
    result = server.alone(LET_IN, deadline)
    if result.exit_code and LACKING.search(result.stderr):
        raise NotMeasurable(f"PostgreSQL {server.box.binaries.version} here cannot start from it: {words(result)}")
    if result.exit_code:
        raise RestoreFailed(
            f"no server starts from the files: {complaint(result.stderr)} (exit code {result.exit_code})"
        )
    phases.begin("start")
    try:
        server.start(deadline)
    except StackError as error:
        raise RestoreFailed(f"no server starts from the files: {error}") from error
