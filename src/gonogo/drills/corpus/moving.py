"""Backups that are made while their database changes: chains, archived and received WAL, repositories.

The changes cancel each other out, so that what comes back from the whole of such a backup is the database as it was,
and what comes back from a part of it is not.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg

from gonogo.core.errors import StackError
from gonogo.drills.corpus.methods import DATABASE
from gonogo.drills.corpus.programs import SUPERUSER, Programs, Refused, Server
from gonogo.stacks.local.site import Child

BEFORE = """
CREATE TABLE public.passing AS SELECT * FROM public.chunks WHERE id > 600;
DELETE FROM public.chunks WHERE id > 600;
"""
BETWEEN = "INSERT INTO public.chunks SELECT * FROM public.passing WHERE id <= 900;"
AFTER = "INSERT INTO public.chunks SELECT * FROM public.passing WHERE id > 900; DROP TABLE public.passing;"
BASE, WAL = "base", "wal"  # of what is archived: the folders of the backup and of the WAL
STANZA = "main"
WAIT_SECONDS, POLL_SECONDS = 60.0, 0.02
RECEIVED = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_lsn())"
RECEIVING = "SELECT EXISTS (SELECT FROM pg_stat_replication)"
ARCHIVED = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
BARMAN = """\
[barman]
barman_home = {home}
barman_user = {user}
barman_lock_directory = {home}
log_file = {log}
path_prefix = {bindir}
compression = gzip
[main]
description = main
conninfo = host={host} port={port} user={superuser} dbname=postgres
streaming_conninfo = host={host} port={port} user={superuser}
backup_method = postgres
archiver = on
"""


def _chain(programs: Programs, server: Server, target: Path) -> None:
    """A full backup and two incremental ones, named in their order."""
    programs.account.folder(target)
    last: Path | None = None
    for number, statements in enumerate((BEFORE, BETWEEN, AFTER)):
        programs.sql(server, statements)
        backup = target / str(number)
        more = [f"--incremental={last / 'backup_manifest'}"] if last else []
        programs.run("pg_basebackup", f"--pgdata={backup}", *more, "--checkpoint=fast", "--no-sync", to=server)
        last = backup


def _archived(programs: Programs, server: Server, target: Path, *, unfinished: bool = False) -> None:
    """A backup, and the WAL since as `pg_receivewal` brings it; up to a finished segment, or in the middle of one."""
    programs.account.folder(target)
    with _receiver(programs, server, programs.account.folder(target / WAL)) as receiver:
        programs.sql(server, BEFORE)
        arguments = (f"--pgdata={target / BASE}", "--wal-method=none", "--checkpoint=fast", "--no-sync")
        programs.run("pg_basebackup", *arguments, to=server)
        programs.sql(server, BETWEEN + AFTER + ("" if unfinished else "SELECT pg_switch_wal();"))
        _await(server, RECEIVED, receiver=receiver)
    if not unfinished:
        for path in (target / WAL).glob("*.partial"):
            path.unlink()


@contextmanager
def _receiver(programs: Programs, server: Server, folder: Path) -> Iterator[Child]:
    """A running pg_receivewal."""
    program = programs.binaries.program("pg_receivewal")
    command = [program, f"--directory={folder}", "--no-loop", "--synchronous", "--status-interval=1"]
    child = programs.site.spawn(
        "pg_receivewal", command, folder=programs.folder, log=programs.folder / "receiver.log",
        environment=programs.environment(server), as_account=True,
    )  # fmt: skip
    try:
        _await(server, RECEIVING, receiver=child)
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
        child.process.wait(WAIT_SECONDS)
        child.gone()


def _pgbackrest(programs: Programs, server: Server, target: Path) -> None:
    """A repository with a full and an incremental backup, and WAL after them."""
    programs.account.folder(target)
    options = pgbackrest_options(programs, target, server.data)
    own = (f"--pg1-socket-path={server.host}", f"--pg1-port={server.port}", f"--pg1-user={SUPERUSER}")
    programs.run("pgbackrest", *options, *own, "stanza-create")
    _archive_by(programs, server, f"pgbackrest {' '.join(options)} archive-push %p")
    for kind, statements in (("full", BEFORE), ("incr", BETWEEN)):
        programs.sql(server, statements)
        more = (f"--type={kind}", "--repo1-retention-full=2", "--start-fast")
        programs.run("pgbackrest", *options, *own, *more, "backup")
    programs.sql(server, AFTER)
    _await_archived(server)


def pgbackrest_options(programs: Programs, repository: Path, data: Path) -> tuple[str, ...]:
    """Of every command of pgBackRest's."""
    return (
        "--no-config", f"--stanza={STANZA}", f"--repo1-path={repository}", f"--pg1-path={data}",
        f"--lock-path={programs.folder / 'lock'}", "--log-level-file=off", "--log-level-console=off",
    )  # fmt: skip


def _barman(programs: Programs, server: Server, target: Path) -> None:
    """A repository with one backup, and WAL after it."""
    for folder in (target, target / STANZA, target / STANZA / "incoming"):
        programs.account.folder(folder)
    manage = barman_command(programs, target, server)
    _archive_by(programs, server, f"cp %p {target}/{STANZA}/incoming/%f")
    programs.sql(server, BEFORE)
    programs.sql(server, "SELECT pg_switch_wal();")
    _await_archived(server)
    programs.run(*manage, "archive-wal", STANZA)
    programs.run(*manage, "backup", STANZA)
    programs.sql(server, BETWEEN + AFTER)
    _await_archived(server)
    programs.run(*manage, "archive-wal", STANZA)


def barman_command(programs: Programs, home: Path, server: Server | None = None) -> tuple[str, ...]:
    """Of every command of Barman's; `server` is what it backs up."""
    configuration = programs.folder / "barman.conf"
    host, port = (server.host, server.port) if server else ("/nowhere", 1)
    configuration.write_text(
        BARMAN.format(
            home=home, user=programs.account.name, log=programs.folder / "barman.log", host=host, port=port,
            bindir=programs.binaries.bindir, superuser=SUPERUSER,
        )
    )  # fmt: skip
    programs.account.own(configuration)
    return ("barman", "-q", "-c", str(configuration))


MAKERS: Mapping[str, Callable[[Programs, Server, Path], None]] = {
    "chain": _chain,
    "archived": _archived,
    "received": partial(_archived, unfinished=True),
    "pgbackrest": _pgbackrest,
    "barman": _barman,
}


def _archive_by(programs: Programs, server: Server, command: str) -> None:
    programs.sql(server, f"ALTER SYSTEM SET archive_command = '{command}'; SELECT pg_reload_conf();")


def _await_archived(server: Server) -> None:
    """Until everything up to now is archived."""
    with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    assert row is not None
    _await(server, ARCHIVED, row[0])


def _await(server: Server, question: str, *parameters: str, receiver: Child | None = None) -> None:
    """Until it is true. Raises Refused, at once where the receiver has ended."""
    limit = time.monotonic() + WAIT_SECONDS
    try:
        with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
            while connection.execute(question, parameters).fetchone() != (True,):
                if receiver is not None and not receiver.running():
                    raise Refused("pg_receivewal has ended")
                if time.monotonic() > limit:
                    raise Refused(f"it does not become true: {question}")
                time.sleep(POLL_SECONDS)
    except psycopg.Error as error:
        raise StackError(f"a server of the corpus does not answer: {error}") from error
