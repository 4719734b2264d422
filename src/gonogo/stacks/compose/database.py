"""The PostgreSQL of a Compose project."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError, StackTimedOut
from gonogo.pg.sessions import session
from gonogo.stacks.compose.dollars import plain
from gonogo.stacks.compose.logins import Login, logins
from gonogo.stacks.compose.member import Member, Written
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.receiver import RECEIVER_SECONDS
from gonogo.stacks.docker.server import LOGS
from gonogo.stacks.docker.tools import run_tool, running_tool
from gonogo.stacks.interfaces import KillProof, PostgresServer, Role, ToolResult
from gonogo.stacks.slot import replication_slot
from gonogo.stacks.sqlserver import CONNECT_TIMEOUT_SECONDS, Credential, Group, SqlServer

PORT = 5432
START_SECONDS = 120.0
POLL_SECONDS = 0.05
READ_SECONDS = 15.0
FIRST_WITH_JSONLOG = 15
SUPERUSER, DATABASE = "postgres", "postgres"  # of the official image, unless told otherwise
LOGGING = {
    "logging_collector": "on", "log_destination": "stderr,jsonlog", "log_directory": LOGS, "log_filename": "server.log",
    "log_rotation_age": "0", "log_rotation_size": "0",
}  # fmt: skip
OWNERS = """
SELECT pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""


def no_capture(written: Written) -> str | None:
    """Why the server of a service cannot be told to write its log as JSON; None where it can."""
    major = written.image.environment.get("PG_MAJOR", "").partition(".")[0]
    if not major.isdecimal():
        return f"the image of {written.name} does not say which PostgreSQL it is (PG_MAJOR)"
    if int(major) < FIRST_WITH_JSONLOG:
        return f"PostgreSQL {major} writes no JSON log (PostgreSQL {FIRST_WITH_JSONLOG} or later does)"
    if written.service.get("read_only"):
        return f"{written.name} cannot write a log: its file system is read-only"
    if not _is_postgres(written):
        return f"{written.name} is not started as `postgres …`: its log settings cannot be added"
    return None


def _is_postgres(written: Written) -> bool:
    words = written.service.get("command") or written.image.command
    own = not written.service.get("entrypoint") and words
    return bool(own) and (posixpath.basename(words[0]) == "postgres" or words[0].startswith("-"))


def command_with(written: Written, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The server's command with the log as JSON, and with settings of the stack file. Raises MissingCapability."""
    added = {**({} if no_capture(written) else LOGGING), **settings}
    if not added:
        return ()
    if not _is_postgres(written):
        raise MissingCapability(f"settings: {written.name} is not started as `postgres …`, so none can be added")
    words = written.service.get("command") or written.image.command
    extra = [part for name, value in added.items() for part in ("-c", f"{name}={value}")]
    return (*map(plain, words), *extra)


class KnownLogins(SqlServer):
    """A server some of whose roles nobody knows the password of."""

    def dsn(self, role: Role = Role.ADMIN, *, database: str | None = None) -> str:
        """As of any server. Raises MissingCapability for a role whose login is not known."""
        self._known(role)
        return super().dsn(role, database=database)

    def role_name(self, role: Role) -> str:
        """The name of a role in the database. Raises MissingCapability where it is not known."""
        self._known(role)
        return super().role_name(role)

    def _known(self, role: Role) -> None:
        if role not in self.roles:
            raise MissingCapability(
                f"{self.name}: no environment of the Compose project holds a login of the {role}: name one of the"
                f" logins there with services.{self.name}.roles"
            )


class ComposePostgres(KnownLogins):
    """Implements PostgresServer."""

    def __init__(self, member: Member, *, database: str | None, named: Mapping[Role, str]) -> None:
        self.image: Image = member.written.image
        self.member_of_project = member
        self.hosts = member.hosts
        self.no_capture = no_capture(member.written)
        self._box = member.box(log_files=[] if self.no_capture else [f"{LOGS}/server.log"])
        self._site = member.site
        self._inside = member.port
        self._named = named
        admin = Credential(
            name=self._told("POSTGRES_USER") or SUPERUSER, password=self._told("POSTGRES_PASSWORD") or ""
        )
        self._logins = [
            *logins(member.all_environments, self.hosts),
            Login(service=member.written.name, variable="POSTGRES_USER", user=admin.name, password=admin.password),
        ]
        own = self._of_application()
        super().__init__(
            name=member.name,
            port=member.outside,
            database=database or (own.database if own else "") or self._told("POSTGRES_DB") or admin.name or DATABASE,
            roles=self._first_roles(admin, own),
            group=Group(),
        )
        self.standbys: Mapping[str, PostgresServer] = {}
        public = {self.database, *(one.user for one in self._logins), *self.hosts}
        for login in self._logins:
            if login.password not in public:
                self._site.run.secret(login.password)

    # --- who logs in

    def _told(self, name: str) -> str:
        """A variable of the container, or the file that it is in."""
        environment = self.member_of_project.environment
        if value := environment.get(name):
            return value
        path = environment.get(f"{name}_FILE")
        if not path:
            return ""
        done = self._box.execute(["cat", path], deadline=Deadline.after(READ_SECONDS), user="0")
        if done.exit_code:
            raise StackError(f"{name}_FILE of {self.member_of_project.name} cannot be read: {done.stderr.strip()}")
        return self._site.run.secret(done.stdout.rstrip("\n"))

    def _of_application(self) -> Login | None:
        wanted = self._named.get(Role.APPLICATION)
        mine = [one for one in self._logins if one.service == self.member_of_project.application]
        if wanted:
            return next((one for one in self._logins if one.user == wanted), None)
        return next((one for one in mine if not one.migrates), next(iter(mine), None))

    def _first_roles(self, admin: Credential, own: Login | None) -> dict[Role, Credential]:
        found = {Role.ADMIN: admin}
        if own is not None:
            found[Role.APPLICATION] = Credential(name=own.user, password=own.password)
        return found

    def find_owner(self) -> None:
        """Look up who owns the tables, once they are there."""
        name = self._named.get(Role.OWNER)
        if not name:
            with session(self.dsn(), timeout_seconds=READ_SECONDS) as connection:
                row = connection.execute(OWNERS.encode()).fetchone()
            name = str(row[0]) if row else self.roles[Role.ADMIN].name
        login = next((one for one in self._logins if one.user == name), None)
        if login is not None:
            self.roles = {**self.roles, Role.OWNER: Credential(name=login.user, password=login.password)}

    def unknown_roles(self) -> list[str]:
        """Those whom the project lets log in, and whom the server does not know; one sentence each."""
        with session(self.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as connection:
            known = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        return [
            f"{one.service} logs in to {self.name} as {one.user} ({one.variable}), a role that nothing in the Compose"
            " project has made"
            for one in self._logins
            if one.user not in known
        ]

    # --- what it is

    def is_running(self) -> bool:
        """Whether its container lives."""
        return self._box.is_running()

    def pids(self) -> tuple[int, ...]:
        """Everything in its container."""
        return self._box.host_pids()

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the server wrote, before and after its log collector started."""
        text = self._box.log_text(lines=lines)
        if self.no_capture is None:
            with suppress(StackError):  # the collector has not started
                text += self._box.copy_out(f"{LOGS}/server.log").decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """Run a client tool of the container as the administrator; files must lie in the run's scratch folder."""
        return run_tool(
            self._site, self._box.container, [name, *arguments], self._variables(), deadline=deadline, stdout=stdout
        )

    def _variables(self) -> dict[str, str]:
        """How the administrator's tools in its container reach it."""
        admin = self.roles[Role.ADMIN]
        return {
            "PGHOST": "127.0.0.1", "PGPORT": str(self._inside), "PGUSER": admin.name, "PGPASSWORD": admin.password,
            "PGDATABASE": self.database, "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_SECONDS), "PGAPPNAME": "gonogo",
        }  # fmt: skip

    def no_replication(self) -> str | None:
        """Why nothing can be copied from it as a whole; None where it can. It is asked as pg_basebackup would ask."""
        words = ["--no-psqlrc", "--dbname=dbname=postgres replication=true", "--command=IDENTIFY_SYSTEM"]
        done = self.tool("psql", words, deadline=Deadline.after(READ_SECONDS))
        if done.exit_code == 0 and self.setting("wal_level") != "minimal" and self.setting("max_wal_senders") != "0":
            return None
        said = " ".join(done.stderr.split()) or "its wal_level is minimal, or it has no max_wal_senders"
        return f"{self.name} lets nobody copy its files: {said}"

    def setting(self, name: str) -> str:
        """One of its settings, as PostgreSQL shows it."""
        with session(self.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as connection:
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def receive_wal(self, folder: Path) -> Iterator[str]:
        """Run pg_receivewal beside the server in its container, with a slot. Implements WalSending."""
        name = f"{self.member}-wal-{secrets.token_hex(3)}"
        with replication_slot(self, name.replace("-", "_")) as slot:
            command = ["pg_receivewal", f"--directory={folder}", f"--slot={slot}", "--synchronous", "--no-password"]
            variables = {**self._variables(), "PGAPPNAME": name}
            with running_tool(self._site, self._box.container, command, variables) as said:
                try:
                    self.await_streaming(name, Deadline.after(RECEIVER_SECONDS))
                except DeadlineExceeded as error:
                    raise StackTimedOut(f"{name} does not stream: {error}; {' '.join(said().split())}") from error
                yield name

    # --- start, stop, faults

    def start(self, deadline: Deadline) -> None:
        """Start it, or wait for what Compose has started; returns when SQL is answered."""
        self._box.start()
        limit = deadline.within(START_SECONDS)
        try:
            limit.poll(self._answers_or_ended, every_seconds=POLL_SECONDS, what=f"{self.name} answers SQL")
        except DeadlineExceeded as error:
            raise StackError(f"{self.name}: PostgreSQL does not answer: {error}\n{self.log_tail(10)}") from error
        self._box.has_ended()  # the engine may have started it once more: its first process is another one
        self.group.primary = self

    def _answers_or_ended(self) -> bool:
        if self.answers():
            return True
        if self._box.has_ended():
            raise StackError(f"{self.name}: PostgreSQL did not start\n{self.log_tail(10)}")
        return False

    def kill(self) -> KillProof:
        """SIGKILL the container's first process: the kernel ends every other one with it; proven."""
        return self._box.kill()

    def pause(self) -> None:
        """Freeze every process of the container."""
        self._box.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        self._box.resume()

    def promote(self, deadline: Deadline) -> None:
        """Not known: which server of a project follows which."""
        raise MissingCapability(f"{self.name} has no standby that gonogo knows")

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Not known, either."""
        raise MissingCapability(f"{self.name} has no standby that gonogo knows")
