"""How the oracle brings back what was made while its database changed: as the manuals of the programs say."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from gonogo.drills.corpus.methods import Form, Method
from gonogo.drills.corpus.moving import BASE, STANZA, WAL, barman_command, pgbackrest_options
from gonogo.drills.corpus.programs import Programs, Refused

PARTIAL = ".partial"
REPOSITORY, PARTS, SPOOL = "repository", "parts", "spool"  # folders that a recovery needs beside the data
NOT_BEFORE_ITS_END = {"hot_standby": "off"}  # nobody is let in while it recovers


def recovered(programs: Programs, method: Method, path: Path, data: Path) -> Mapping[str, str]:
    """Make the data directory; returns settings of the server that recovers from it. Raises Refused."""
    if method.form is Form.CHAIN:
        return _combined(programs, path, data)
    if method.form is Form.ARCHIVED:
        return _with_archive(programs, path, data)
    copy = _own_copy(programs, path, programs.folder / REPOSITORY)  # their programs write beside what they read
    return {"pgbackrest": _by_pgbackrest, "barman": _by_barman}[method.name](programs, copy, data)


def put_away(programs: Programs, data: Path) -> None:
    """Remove everything that was made for a recovery."""
    for path in (data, *(programs.folder / name for name in (REPOSITORY, PARTS, SPOOL, WAL))):
        shutil.rmtree(path, ignore_errors=True)


def _combined(programs: Programs, path: Path, data: Path) -> Mapping[str, str]:
    parts = _own_copy(programs, path, programs.folder / PARTS)
    folders = sorted(one for one in parts.iterdir() if one.is_dir())
    for folder in folders:
        folder.chmod(0o700)
        programs.run("pg_verifybackup", folder)
    programs.run("pg_combinebackup", "--no-sync", f"--output={data}", *folders)
    return {}


def _with_archive(programs: Programs, path: Path, data: Path) -> Mapping[str, str]:
    wal = _own_copy(programs, path / WAL, programs.folder / WAL)
    for unfinished in wal.glob(f"*{PARTIAL}"):
        unfinished.rename(unfinished.with_suffix(""))
    _own_copy(programs, path / BASE, data).chmod(0o700)
    programs.run("pg_verifybackup", "--no-parse-wal", data)
    (data / "recovery.signal").touch()
    programs.account.own(data / "recovery.signal")
    return {**NOT_BEFORE_ITS_END, "restore_command": f"cp {wal}/%f %p"}


def _by_pgbackrest(programs: Programs, repository: Path, data: Path) -> Mapping[str, str]:
    options = pgbackrest_options(programs, repository, programs.account.folder(data))
    spool = programs.account.folder(programs.folder / SPOOL)
    programs.run("pgbackrest", *options, f"--spool-path={spool}", "restore")
    return {**NOT_BEFORE_ITS_END, "restore_command": f'/usr/bin/pgbackrest {" ".join(options)} archive-get %f "%p"'}


def _by_barman(programs: Programs, repository: Path, data: Path) -> Mapping[str, str]:
    backups = sorted(one for one in (repository / STANZA / "base").iterdir() if one.is_dir())
    if not backups:
        raise Refused("there is no backup")
    programs.run("pg_verifybackup", "--no-parse-wal", backups[-1] / "data")
    programs.run(*barman_command(programs, repository), "recover", STANZA, backups[-1].name, str(data))
    return NOT_BEFORE_ITS_END


def _own_copy(programs: Programs, source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    programs.account.own(target)
    return target
