"""A PostgreSQL server in a container, its data in a volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError, StackTimedOut
from gonogo.rundir.files import write_atomically
from gonogo.stacks.docker.box import Box, Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.disk import DockerDisk
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.receiver import receiving
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.tools import run_tool
from gonogo.stacks.docker.volumes import base_backup, be_standby, data_folder, take_in
from gonogo.stacks.interfaces import KillProof, PostgresServer, Role, ToolResult
from gonogo.stacks.local import cluster
from gonogo.stacks.sqlserver import CONNECT_TIMEOUT_SECONDS, Credential, Group, SqlServer, complaint

PORT = 5432
LOGS = "/tmp/postgresql-log"  # noqa: S108 - the container's own; not in the data directory: backups would carry it
START_SECONDS = 90.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
CALL_SECONDS = 30.0
CONTROL_DATA_CHECKSUMS = 18  # the first major version whose initdb switches them on by itself

# Settings that embedded servers need for their life among other processes of one host.
NOT_HERE = ("listen_addresses", "unix_socket_directories", "dynamic_shared_memory_type")
REPLICATION_LINE = f"host replication {cluster.SUPERUSER} all scram-sha-256"
LET_IN = 'grep -qxF "$1" "$2" || printf "%s\\n" "$1" >>"$2"'


class DockerPostgres(SqlServer):
    """Implements PostgresServer."""

    def __init__(
        self,
        *,
        name: str,
        site: DockerSite,
        image: Image,
        database: str,
        roles: Mapping[Role, Credential],
        settings: Mapping[str, str],
        group: Group,
        checksums: bool = True,
        container: ContainerSpec = UNLIMITED,
        folder: Path = Path("/"),
        disk_bytes: float | None = None,
    ) -> None:
        super().__init__(name=name, port=site.port(), database=database, roles=roles, group=group)
        self.alias = name.replace("/", "-")  # its name in the network
        self.image = image
        self.pgdata = data_folder(image)
        self.major = int(image.environment.get("PG_MAJOR", "17").partition(".")[0])
        self.container = container
        self.stack_folder = folder  # paths of `container.files` count from it
        self.disk = DockerDisk(site, name, image, disk_bytes)
        self.standbys: Mapping[str, PostgresServer] = {}
        self.following: DockerPostgres | None = None
        self.synchronous_with: set[str] = set()  # as primary: members of which one must confirm each commit
        self.settings = settings
        self._site = site
        self._checksums = checksums
        self._folder = site.scratch / f"{self.alias}.conf"
        self._disk_bytes = disk_bytes
        self._box = self._new_box()

    @property
    def volume(self) -> str:
        """Where its data lie."""
        return self.disk.volume

    def _new_box(self) -> Box:
        admin = self.roles[Role.ADMIN]
        checks = "--data-checksums" if self._checksums else ""
        if not self._checksums and self.major >= CONTROL_DATA_CHECKSUMS:
            checks = "--no-data-checksums"
        definition = Definition(
            service=self.name,
            image=self.image.id,
            command=["postgres", "-c", f"config_file={self._folder}/postgresql.conf"],
            environment={
                "POSTGRES_USER": admin.name,
                "POSTGRES_PASSWORD": admin.password,
                "POSTGRES_DB": "postgres",
                "POSTGRES_INITDB_ARGS": f"--auth=scram-sha-256 --encoding=UTF8 --locale=C {checks}".strip(),
            },
            mounts={self.volume: (self.pgdata, "rw"), str(self._site.scratch): (str(self._site.scratch), "rw")},
            port=PORT,
            alias=self.alias,
            shared_memory_bytes=self._site.shared_memory_bytes,
            container=self.container,
            folder=self.stack_folder,
            log_files=[f"{LOGS}/server.log"],
        )
        return Box(self._site, definition, port=self.port)

    # --- what it is

    def is_running(self) -> bool:
        """Whether its container lives."""
        return self._box.is_running()

    def pids(self) -> tuple[int, ...]:
        """Everything in its container."""
        return self._box.host_pids()

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the server wrote, before and after its log collector started."""
        text = self._box.log_text(lines=lines) + self._collected()
        return "\n".join(text.splitlines()[-lines:])

    def _collected(self) -> str:
        """The log collector's file; a container that is dead or paused has it, too."""
        try:
            return self._box.copy_out(f"{LOGS}/server.log").decode(errors="replace")
        except StackError:
            return ""

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """Run a client tool of the container as the administrator; files must lie in the run's scratch folder."""
        command = [name, *arguments]
        connection = {**self.variables("127.0.0.1"), "PGDATABASE": self.database}
        return run_tool(self._site, self._box.container, command, connection, deadline=deadline, stdout=stdout)

    def variables(self, host: str) -> dict[str, str]:
        """How the administrator's tools in containers reach this server by `host`."""
        admin = self.roles[Role.ADMIN]
        return {
            "PGHOST": host, "PGPORT": str(PORT), "PGUSER": admin.name, "PGPASSWORD": admin.password,
            "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_SECONDS), "PGAPPNAME": "gonogo",
        }  # fmt: skip

    # --- start and stop

    def start(self, deadline: Deadline) -> None:
        """Start; returns when SQL is answered. Raises StackError with the server's own reason, StackTimedOut."""
        if self.is_running():
            return
        self._configure()
        self._box.start()
        self.port = self._box.port
        limit = deadline.within(START_SECONDS)
        try:
            limit.poll(self._answers_or_ended, every_seconds=POLL_SECONDS, what=f"{self.name} answers SQL")
        except DeadlineExceeded as error:
            raise StackTimedOut(f"{self.name}: PostgreSQL does not answer: {error}; {self._complaint()}") from error
        self._box.await_healthy(deadline)
        if self.following is None:
            self.group.primary = self

    def _answers_or_ended(self) -> bool:
        if self.answers():
            return True
        if not self._box.is_running():
            raise StackError(f"{self.name}: PostgreSQL did not start: {self._complaint()}")
        return False

    def _complaint(self) -> str:
        return complaint(self.log_tail())

    def _configure(self) -> None:
        """Write the configuration file. What ALTER SYSTEM changed stays on top of it."""
        defaults = {name: value for name, value in cluster.DEFAULTS.items() if name not in NOT_HERE}
        if self.major <= cluster.BEFORE_JSONLOG:
            defaults["log_destination"] = "stderr"
        settings = {**defaults, **self.settings, "listen_addresses": "*", "log_directory": LOGS}
        if self.following is None and self.synchronous_with:
            names = ", ".join(f'"{name}"' for name in sorted(self.synchronous_with))
            settings["synchronous_standby_names"] = f"FIRST 1 ({names})"
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o755)  # whatever the umask says: the container's postgres reads it
        path = self._folder / "postgresql.conf"
        write_atomically(path, cluster.as_lines(settings).encode())  # a reload never sees half of it
        path.chmod(0o644)

    def let_standbys_connect(self) -> None:
        """Allow replication from the network: the image allows it from the container itself only."""
        script = ["sh", "-c", LET_IN, "gonogo", REPLICATION_LINE, f"{self.pgdata}/pg_hba.conf"]
        done = self._box.execute(script, user="postgres", deadline=Deadline.after(CALL_SECONDS))
        if done.exit_code:
            raise StackError(f"{self.name}: pg_hba.conf cannot be written: {done.stderr}")
        self.execute("SELECT pg_reload_conf()")

    def take_in(self, folder: Path, deadline: Deadline) -> None:
        """Have a restored data directory, which lies on this host, be its data; it was never started."""
        take_in(self._site, self.image, folder, self.volume, deadline)

    @contextmanager
    def receive_wal(self, folder: Path) -> Iterator[str]:
        """Run pg_receivewal in a container of its own, with a slot. Implements WalSending."""
        self.let_standbys_connect()
        with receiving(self._site, self.image, self, self.variables(self.alias), folder) as name:
            yield name

    def stop(self, deadline: Deadline) -> None:
        """Shut down cleanly (fast). Raises StackError when it did not end cleanly."""
        code = self._box.stop(min(STOP_SECONDS, deadline.remaining_seconds))
        if code not in (None, 0):
            raise StackError(f"{self.name}: PostgreSQL did not stop cleanly: {self._complaint()}")

    def discard(self) -> None:
        """End it at once and remove its data. Safe to call twice."""
        self._box.remove()
        self.disk.remove()

    # --- faults and failover

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
        """Ask this standby to become primary; returns when it accepts writes."""
        self.await_promotion(deadline)
        self.following = None
        self.group.primary = self

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Become a standby of `primary` from a fresh base backup; returns when it streams.

        Commits of the primary wait for it if this server's waited for the primary before the failover.
        """
        if not isinstance(primary, DockerPostgres):
            raise StackError(f"{self.name} can only follow a server of the same runtime")
        if self.is_running():
            raise StackError(f"{self.name} still runs: kill it before it rejoins")
        self.discard()
        self.disk = DockerDisk(self._site, self.name, self.image, self._disk_bytes)
        self._box = self._new_box()
        base_backup(self._site, self.image, self.volume, primary.variables(primary.alias), deadline)
        be_standby(self._site, self.image, self.volume, primary.conninfo_for(self.member), deadline)
        self.follow(primary, synchronous=primary.member in self.synchronous_with)
        self.synchronous_with = set()
        self.start(deadline)
        primary.await_streaming(self.member, deadline)
        primary.apply_configuration()

    def follow(self, primary: DockerPostgres, *, synchronous: bool) -> None:
        """Be a standby of `primary` from the next start on: the volume must say so, too."""
        self.following = primary
        self.standbys = {}
        primary.standbys = {**primary.standbys, self.member: self}
        if synchronous:
            primary.synchronous_with.add(self.member)

    def conninfo_for(self, member: str) -> str:
        """How a standby's container reaches this server."""
        admin = self.roles[Role.ADMIN]
        return make_conninfo(
            host=self.alias, port=PORT, user=admin.name, password=admin.password,
            application_name=member, connect_timeout=CONNECT_TIMEOUT_SECONDS,
        )  # fmt: skip

    def apply_configuration(self) -> None:
        """Write the configuration again and have the running server read it."""
        self._configure()
        self.execute("SELECT pg_reload_conf()")
