"""A throw-away server in a box: reached by its socket alone, never archiving, never listening on a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, HarnessError, StackError
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import Role, ToolResult
from gonogo.stacks.local.contain import Box
from gonogo.stacks.local.site import Child
from gonogo.stacks.sqlserver import POLL_SECONDS, Credential, Group, SqlServer, complaint

SUPERUSER = "gonogo_verifier"
LET_IN = f"CREATE ROLE {SUPERUSER} SUPERUSER LOGIN;"
MAINTENANCE = "template1"  # `postgres` is dropped: a backup may bring its own
PORT = 5432  # of the socket's name; nothing listens on a network
START_SECONDS = 120.0
# Who reaches the socket has reached the folder, which is private.
SOCKET_IN_PLACE = "local all all trust\nlocal replication all trust\n"
SINCE_IN_PLACE = 15  # tablespaces inside the data directory; and archiving by libraries
SINCE_EVENT_TRIGGERS_CAN_BE_OFF = 17  # they fire for what we create, and since then for logins
SETS_IN_INITDB = 16

OURS = ("role=none", "default_transaction_read_only=off", "search_path=public")

# On the command line, where nothing that a backup brings can change them.
FIXED = {
    "listen_addresses": "",
    "port": str(PORT),
    "archive_mode": "off",
    "archive_command": "",
    "restore_command": "",
    "primary_conninfo": "",
    "synchronous_standby_names": "",
    "shared_preload_libraries": "",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_timezone": "UTC",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "50",
    "max_prepared_transactions": "50",  # a base backup may hold some
    "default_text_search_config": "pg_catalog.english",
}


def initdb_arguments(data: Path, major: int, first_role: str = SUPERUSER) -> list[str]:
    """How an empty cluster is made that dumps are restored into."""
    arguments = [
        f"--pgdata={data}", f"--username={first_role}", "--auth=trust", "--encoding=UTF8", "--locale=C",
        "--no-sync", "--data-checksums",
    ]  # fmt: skip
    return [*arguments, *(["--set=dynamic_shared_memory_type=mmap"] if major >= SETS_IN_INITDB else [])]


class BoxedPostgres(SqlServer):
    """A server whose data are a folder of the box: made empty here, or put there before.

    Only one runs at a time in a box. `settings` are its own beside what must not be changed.
    """

    def __init__(self, box: Box, folder: str = "data", settings: Mapping[str, str] | None = None) -> None:
        super().__init__(
            name="restored", port=PORT, database=MAINTENANCE, group=Group(),
            roles={Role.ADMIN: Credential(name=SUPERUSER, password="")},
        )  # fmt: skip
        self.host = str(box.folder)
        self.box = box
        self.data = box.folder / folder
        self.settings = dict(settings or {})
        self._log = f"server-{folder}"
        self._child: Child | None = None

    def dsn(self, role: Role = Role.ADMIN, *, database: str | None = None) -> str:
        """As others', and whatever the restored database sets for its sessions: they stay the superuser's."""
        quiet = ("event_triggers=off",) if self.box.binaries.major >= SINCE_EVENT_TRIGGERS_CAN_BE_OFF else ()
        options = " ".join(f"-c {one}" for one in (*OURS, *quiet))
        return make_conninfo(super().dsn(role, database=database), options=options, client_encoding="UTF8")

    def execute(self, statement: str) -> None:
        """As others', in the one database that is always there: `postgres` may have been dropped."""
        with session(self.dsn(), timeout_seconds=10) as connection:
            connection.execute(statement.encode())

    def pids(self) -> tuple[int, ...]:
        """The process that contains it."""
        return (self._child.pid,) if self._child is not None and self._child.running() else ()

    def initialise(self, deadline: Deadline, first_role: str = SUPERUSER, *, empty: Path | None = None) -> None:
        """Make an empty cluster, whose first role may be somebody else's. Raises StackError.

        `empty` is one that `initdb_arguments` made before, to be copied.
        """
        if empty is not None and first_role == SUPERUSER:
            shutil.copytree(empty, self.data)
            self.box.own(self.data)
            return
        arguments = initdb_arguments(self.data, self.box.binaries.major, first_role)
        done = self.box.tool("initdb", arguments, deadline=deadline)
        if done.exit_code:
            raise StackError(f"initdb failed: {done.stderr.strip()[-300:]}")
        if first_role != SUPERUSER:
            let_in = self.alone(LET_IN, deadline)
            if let_in.exit_code:
                raise StackError(f"the new cluster lets nobody in: {complaint(let_in.stderr)}")

    def alone(self, statement: str, deadline: Deadline, recovery: Mapping[str, str] | None = None) -> ToolResult:
        """Run one statement in a server without clients: it recovers first, and needs no role to let us in."""
        script = self.box.folder / "statement"
        self.put(script, statement + "\n")
        return self.box.tool(
            "postgres",
            ["--single", "-D", str(self.data), *self._settings(recovery), MAINTENANCE],
            deadline=deadline,
            stdin=script,
        )

    def start(self, deadline: Deadline) -> None:
        """Start; returns when SQL is answered, and it is proven that nothing leaves it. Raises StackError."""
        command = [self.box.binaries.program("postgres"), "-D", str(self.data), *self._settings()]
        self._child = child = self.box.spawn(self._log, command)

        def answers_or_ended() -> bool:
            if not child.running():
                raise StackError(f"PostgreSQL did not start: {complaint(self.log_tail())}")
            return self.answers()

        limit = deadline.within(START_SECONDS)
        try:
            limit.poll(answers_or_ended, every_seconds=POLL_SECONDS, what="the server answers SQL")
        except DeadlineExceeded as error:
            raise StackError(f"PostgreSQL does not answer: {error}; {complaint(self.log_tail())}") from error
        self.prove_quiet()

    def kill(self) -> None:
        """End it at once, as a crash would: what a checkpoint or the WAL holds is there when it starts again."""
        self.box.empty()
        self._child = None
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):  # the next one would take its process id for alive
            (self.box.folder / name).unlink(missing_ok=True)

    def prove_quiet(self) -> None:
        """Raise HarnessError unless it archives nothing and listens on no network."""
        with session(self.dsn(), timeout_seconds=10) as connection:
            for name, wanted in (("archive_mode", "off"), ("listen_addresses", "")):
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                if row != (wanted,):
                    raise HarnessError(f"{name} of the restored server is {row}")

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.box.log_of(self._log).splitlines()[-lines:])

    def client(
        self, name: str, arguments: Sequence[str], *, database: str, options: str, deadline: Deadline
    ) -> ToolResult:
        """Run a client program in the box, as the superuser."""
        connection = {
            "PGHOST": self.host, "PGPORT": str(PORT), "PGUSER": SUPERUSER, "PGDATABASE": database, "PGOPTIONS": options,
        }  # fmt: skip
        return self.box.run([self.box.binaries.program(name), *arguments], deadline=deadline, environment=connection)

    def statement(self, statement: psycopg.sql.Composed, *, seconds: float) -> None:
        """Run one statement as the superuser."""
        with session(self.dsn(), timeout_seconds=seconds) as connection:
            connection.execute(statement)

    def _settings(self, more: Mapping[str, str] | None = None) -> list[str]:
        """Everything that a configuration would say: those of the backup are not read."""
        for name, text in {"server.conf": "", "hba.conf": SOCKET_IN_PLACE, "ident.conf": ""}.items():
            self.put(self.box.folder / name, text)
        where = {
            "config_file": "server.conf", "hba_file": "hba.conf", "ident_file": "ident.conf",
            "unix_socket_directories": "",
        }  # fmt: skip
        files = {name: str(self.box.folder / file) if file else str(self.box.folder) for name, file in where.items()}
        settings: Mapping[str, str] = {**self.settings, **FIXED, **files}
        if self.box.binaries.major >= SINCE_IN_PLACE:
            settings = {**settings, "archive_library": "", "allow_in_place_tablespaces": "on"}
        return [part for name, value in {**settings, **(more or {})}.items() for part in ("-c", f"{name}={value}")]

    def put(self, path: Path, text: str) -> None:
        """Make a file once, and follow nothing: what runs in the box may have put a link there."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self.box.own(path)
