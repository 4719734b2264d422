"""Base backups: copied, verified against their manifest, started from; the configuration they bring is not used."""

from __future__ import annotations

from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, StackError
from gonogo.drills import Phases, RestoreFailed, words
from gonogo.drills.given import IMAGE_HELPS, LACKING
from gonogo.drills.given.archive import Archive
from gonogo.drills.given.filling import Filled, Filling, Verified
from gonogo.drills.given.recognise import BEFORE_IT
from gonogo.stacks.local.boxed import LET_IN, SINCE_IN_PLACE, BoxedPostgres
from gonogo.stacks.sqlserver import complaint

MANIFEST, WAL = "backup_manifest", "pg_wal"
LABEL, INCREMENTAL = "backup_label", b"INCREMENTAL FROM"
RECOVER = "recovery.signal"
TABLESPACES, TABLESPACE_MAP = "pg_tblspc", "tablespace_map"
NOT_OURS = (
    "postgresql.auto.conf",
    "standby.signal",
    RECOVER,
    "recovery.conf",
    "postmaster.pid",
    "postmaster.opts",
    TABLESPACE_MAP,  # its tablespaces are in the data directory
)
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".lz4": "lz4"}
ARCHIVES = {"tar", *(f"tar{suffix}" for suffix in COMPRESSIONS)}
VERSION_BYTES = 32


def fill(filling: Filling) -> Filled:
    """Copy or unpack the backup into the data directory. Raises RestoreFailed, NotMeasurable."""
    unpack_base(filling.given.path, filling, filling.server.data)
    if (filling.server.data / LABEL).is_file() and INCREMENTAL in (filling.server.data / LABEL).read_bytes():
        raise NotMeasurable(f"it is an incremental backup: {BEFORE_IT}")
    return Filled()


def unpack_base(path: Path, filling: Filling, data: Path) -> None:
    """Copy or unpack one base backup. Raises RestoreFailed, NotMeasurable."""
    taking = filling.taking
    if not archives(path, "base"):
        taking.folder(path, data, without=(TABLESPACES,))
        _copy_tablespaces(path / TABLESPACES, filling, data / TABLESPACES)
        return
    for archive in archives(path, "base"):
        taking.archive(archive, data, COMPRESSIONS.get(archive.suffix, ""))
    for archive in archives(path, WAL):
        taking.archive(archive, data / WAL, COMPRESSIONS.get(archive.suffix, ""))
    for archive in archives(path, "[0-9]*"):
        taking.archive(
            archive, data / TABLESPACES / archive.name.partition(".")[0], COMPRESSIONS.get(archive.suffix, "")
        )
    manifest = path / MANIFEST
    if manifest.is_file() and not (data / MANIFEST).exists():
        taking.file(manifest, data / MANIFEST)


def archives(path: Path, name: str) -> list[Path]:
    """The tar archives of that name, compressed or not; there should be one."""
    return sorted(one for one in path.glob(f"{name}.tar*") if one.name.partition(".")[2] in ARCHIVES)


def _copy_tablespaces(source: Path, filling: Filling, target: Path) -> None:
    """Into the data directory itself: a server takes a folder there for a tablespace, where a link would lead out.

    A link of a backup may lead anywhere: what lies outside of it is read where whoever asks named it. Raises
    NotMeasurable, RestoreFailed.
    """
    if source.is_symlink() or not source.is_dir():
        return
    target.mkdir(mode=0o700)
    for entry in sorted(source.iterdir()):
        if not entry.is_symlink():
            one = entry
        elif not entry.name.isdecimal():
            raise RestoreFailed(f"{entry} is a link, which is not followed")
        else:
            one = _linked(entry, filling)
        if one.is_dir():
            filling.taking.folder(one, target / entry.name)
    if any(target.iterdir()) and filling.server.box.binaries.major < SINCE_IN_PLACE:
        raise NotMeasurable("it has tablespaces, which a PostgreSQL before 15 cannot have in its own folder")


def _linked(link: Path, filling: Filling) -> Path:
    place = link.readlink()
    inside = (link.parent / place).resolve()
    allowed = [one.resolve() for one in filling.asked.tablespaces]
    if not inside.is_dir():
        raise RestoreFailed(f"its tablespace {link.name} is not there: {place} is no folder")
    if not inside.is_relative_to(filling.given.path) and inside not in allowed:
        raise NotMeasurable(
            f"its tablespace {link.name} lies outside of it, at {place}: --tablespace {place} lets gonogo read that"
        )
    return inside


def require_major(data: Path, major: int) -> int:
    """The backup's major version, which has to be the server's. Raises RestoreFailed, NotMeasurable."""
    try:
        text = (data / "PG_VERSION").read_bytes()[:VERSION_BYTES].decode().strip()
        found = int(text.partition(".")[0])
    except (OSError, ValueError) as error:
        raise RestoreFailed(f"its PG_VERSION cannot be read: {error}") from error
    if found != major:
        raise NotMeasurable(
            f"it is of PostgreSQL {found}, and a base backup starts on no other; here is PostgreSQL {major};"
            f" {IMAGE_HELPS}"
        )
    return found


def verify(
    server: BoxedPostgres, deadline: Deadline, data: Path, wal: Path | None = None, *, parse: bool = True
) -> Verified:
    """pg_verifybackup over every file of a copy and its WAL, which may be elsewhere or be looked at later."""
    if not (data / MANIFEST).is_file():
        return Verified(value=None, detail="it has no manifest: nobody can tell whether its files are whole")
    has_reader = server.box.binaries.has("pg_waldump")
    arguments = [str(data)] if has_reader and parse else ["--no-parse-wal", str(data)]
    if wal is not None:
        arguments.insert(0, f"--wal-directory={wal}")
    result = server.box.tool("pg_verifybackup", arguments, deadline=deadline)
    if result.exit_code:
        return Verified(value=False, detail=f"pg_verifybackup: {words(result)}")
    read = "its WAL too" if has_reader else "its WAL was not read (there is no pg_waldump)"
    return Verified(value=True, detail=f"every file is as the manifest says{f', {read}' if parse else ''}")


def start(server: BoxedPostgres, phases: Phases, deadline: Deadline, archive: Archive | None = None) -> None:
    """Recover, let ourselves in, start. Raises RestoreFailed where no server starts from these files."""
    for name in (*NOT_OURS, MANIFEST):
        (server.data / name).unlink(missing_ok=True)
    if archive is not None:
        (server.data / RECOVER).touch()
    server.box.own(server.data)
    phases.begin("WAL replay")
    result = server.alone(LET_IN, deadline, archive.settings if archive else {})
    if result.exit_code and LACKING.search(result.stderr):
        raise NotMeasurable(f"PostgreSQL {server.box.binaries.version} here cannot start from it: {words(result)}")
    if result.exit_code:
        reason = archive.complaint() if archive else ""
        raise RestoreFailed(
            f"no server starts from the files: {complaint(result.stderr)} (exit code {result.exit_code}){reason}"
        )
    phases.begin("start")
    try:
        server.start(deadline)
    except StackError as error:
        raise RestoreFailed(f"no server starts from the files: {error}") from error
