"""A PostgreSQL server of local processes."""

from __future__ import annotations

import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError, StackTimedOut
from gonogo.stacks.interfaces import KillProof, PostgresServer, Role, ToolResult
from gonogo.stacks.local import cluster
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.disk import Disk
from gonogo.stacks.local.processes import kill_tree, members, send
from gonogo.stacks.local.sharedmemory import PID_FILE, remove_segment, segment_of
from gonogo.stacks.local.site import Child, Site
from gonogo.stacks.local.spawner import minimal_environment
from gonogo.stacks.local.tools import end_of, run_tool
from gonogo.stacks.proxy import DelayingProxy
from gonogo.stacks.slot import replication_slot
from gonogo.stacks.sqlserver import CONNECT_TIMEOUT_SECONDS, POLL_SECONDS, Credential, Group, SqlServer, complaint

START_SECONDS = 60.0
STOP_SECONDS = 60.0
IMMEDIATE_STOP_SECONDS = 5.0
RECEIVER_SECONDS = 15.0
RECOVERY_SIGNALS = ("recovery.signal", "standby.signal")


class LocalPostgres(SqlServer):
    """Implements PostgresServer."""

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        site: Site,
        binaries: Binaries,
        database: str,
        roles: Mapping[Role, Credential],
        settings: Mapping[str, str],
        group: Group,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(name=name, port=site.port(), database=database, roles=roles, group=group)
        self.disk = disk or Disk(folder=folder)  # mounted before the folder is given away
        self.folder = site.account.folder(folder)
        self.data = folder / "data"
        self.standbys: Mapping[str, PostgresServer] = {}
        self.following: LocalPostgres | None = None
        self.proxy: DelayingProxy | None = None  # as standby: stands between it and the server that it follows
        self.synchronous_with: set[str] = set()  # as primary: members of which one must confirm each commit
        self.binaries = binaries
        self.settings = settings
        self._site = site
        self._child: Child | None = None
        self._segments: set[tuple[int, int]] = set()

    # --- what it is

    def is_running(self) -> bool:
        """Whether the postmaster lives."""
        return self._child is not None and self._child.running()

    def pids(self) -> tuple[int, ...]:
        """The postmaster."""
        return (self._child.pid,) if self._child is not None and self._child.running() else ()

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the server wrote, before and after its log collector started."""
        text = end_of(self.folder / "start.log") + end_of(self.folder / "log" / "server.log")
        return "\n".join(text.splitlines()[-lines:])

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """Run a client tool as the administrator."""
        command = [self.binaries.program(name), *arguments]
        return run_tool(self._site, command, self._as_administrator(), deadline=deadline, stdout=stdout)

    def _as_administrator(self) -> dict[str, str]:
        admin = self.roles[Role.ADMIN]
        return {
            "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": admin.name, "PGPASSWORD": admin.password,
            "PGDATABASE": self.database, "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_SECONDS), "PGAPPNAME": "gonogo",
        }  # fmt: skip

    @contextmanager
    def receive_wal(self, folder: Path) -> Iterator[str]:
        """Run pg_receivewal beside everything else, with a slot. Implements WalSending."""
        name = f"{self.member}-wal-{secrets.token_hex(3)}"
        with replication_slot(self, name.replace("-", "_")) as slot:
            receiver = self._site.spawn(
                name,
                [
                    self.binaries.program("pg_receivewal"), f"--directory={folder}", f"--slot={slot}", "--synchronous",
                    "--no-password",
                ],
                folder=self.folder, log=self.folder / f"{name}.log",
                environment={**minimal_environment(), **self._as_administrator(), "PGAPPNAME": name},
            )  # fmt: skip
            try:
                self.await_streaming(name, Deadline.after(RECEIVER_SECONDS))
                yield name
            finally:
                kill_tree(receiver.pid if receiver.running() else None)
                receiver.gone()

    # --- start and stop

    def start(self, deadline: Deadline, *, ready: Callable[[], None] = lambda: None) -> None:
        """Start; returns when SQL is answered. Raises StackError with the server's own reason, StackTimedOut.

        `ready` is called when it takes connections; not in recovery, where it takes them before it takes writes.
        """
        if self.is_running():
            return
        self._configure()
        recovers = any((self.data / signal).exists() for signal in RECOVERY_SIGNALS)
        log = self.folder / "start.log"
        log.unlink(missing_ok=True)
        self._child = self._site.spawn(
            self.name, [self.binaries.program("postgres"), "-D", str(self.data)],
            folder=self.folder, log=log, as_account=True, death_signal="QUIT",
        )  # fmt: skip
        limit = deadline.within(START_SECONDS)
        try:
            limit.poll(self._is_ready, every_seconds=POLL_SECONDS, what=f"{self.name} starts")
            if not recovers:
                ready()
            limit.poll(self._answers_or_ended, every_seconds=POLL_SECONDS, what=f"{self.name} answers SQL")
        except DeadlineExceeded as error:
            raise StackTimedOut(f"{self.name}: PostgreSQL does not answer: {error}; {self._complaint()}") from error
        if self.following is None:
            self.group.primary = self

    def _is_ready(self) -> bool:
        assert self._child is not None
        self._see_that_it_lives(self._child)
        try:
            lines = (self.data / PID_FILE).read_text().splitlines()
        except OSError:
            return False
        ready = len(lines) >= 8 and lines[0] == str(self._child.pid) and lines[7].strip() == "ready"
        if ready and (segment := segment_of(self.data)):
            self._segments.add(segment)
        return ready

    def _answers_or_ended(self) -> bool:
        """In recovery it is ready for readers first, and may end when its target turns out to be missing."""
        assert self._child is not None
        self._see_that_it_lives(self._child)
        return self.answers()

    def _see_that_it_lives(self, child: Child) -> None:
        if not child.running():
            child.gone()
            raise StackError(f"{self.name}: PostgreSQL did not start: {self._complaint()}")

    def _complaint(self) -> str:
        log = self.log_tail()
        return f"port {self.port} on {self.host} is in use" if "Address already in use" in log else complaint(log)

    def _configure(self) -> None:
        settings = {
            **cluster.defaults(self.binaries),
            **self.settings,
            "port": str(self.port),
            "log_directory": str(self.folder / "log"),  # not in the data directory: backups would carry it
        }
        standby_signal = self.data / "standby.signal"
        if self.following is not None:
            port = self.proxy.port if self.proxy else self.following.port
            settings["primary_conninfo"] = self.following.conninfo_for(self.member, port=port)
            standby_signal.touch()
            self._site.account.own(standby_signal)
        elif self.synchronous_with:
            names = ", ".join(f'"{name}"' for name in sorted(self.synchronous_with))
            settings["synchronous_standby_names"] = f"FIRST 1 ({names})"
        cluster.configure(self._site.account, self.data, settings)

    def stop(self, deadline: Deadline) -> None:
        """Shut down cleanly (fast). Raises StackError when it did not end cleanly."""
        if self._child is None or not self._child.running():
            return
        send([self._child.pid], signal.SIGINT)
        child = self._child
        what = f"{self.name} stops"
        deadline.within(STOP_SECONDS).poll(lambda: not child.running(), every_seconds=POLL_SECONDS, what=what)
        if child.gone() != 0:
            raise StackError(f"{self.name}: PostgreSQL did not stop cleanly: {self._complaint()}")

    def discard(self) -> None:
        """End it at once, its data are no longer wanted; nothing of it stays in memory. Safe to call twice."""
        child = self._child
        if child is not None and child.running():
            send([child.pid], signal.SIGQUIT)
            self.resume()  # a frozen server does not hear it otherwise
            with suppress(DeadlineExceeded):
                Deadline.after(IMMEDIATE_STOP_SECONDS).poll(
                    lambda: not child.running(), every_seconds=POLL_SECONDS, what="immediate stop"
                )
        self.kill()  # orphans, and whatever did not listen
        self.close_proxy()
        self._free_segments()
        self.disk.remove()

    def _free_segments(self) -> None:
        """Free the shared memory of what was killed; only call when nothing of it runs."""
        for segment, creator in self._segments:
            remove_segment(segment, creator)
        self._segments.clear()

    # --- faults and failover

    def kill(self) -> KillProof:
        """SIGKILL the whole tree, orphans included, and prove it gone; what its proxies hold is lost with it."""
        for standby in self.standbys.values():
            if isinstance(standby, LocalPostgres) and standby.proxy is not None:
                standby.proxy.cut()
        root = self._child.pid if self._child is not None and self._child.running() else None
        proof = kill_tree(root, self.data)
        if self._child is not None:
            self._child.gone()
        return proof

    def pause(self) -> None:
        """SIGSTOP every process of the tree, the postmaster first."""
        send(self.pids(), signal.SIGSTOP)
        send(members(None, self.data), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT every process of the tree."""
        send(members(None, self.data), signal.SIGCONT)

    def promote(self, deadline: Deadline) -> None:
        """Ask this standby to become primary; returns when it accepts writes."""
        self.await_promotion(deadline)
        self.following = None
        self.close_proxy()
        self.group.primary = self

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Become a standby of `primary` from a fresh base backup; returns when it streams.

        Commits of the primary wait for it if this server's waited for the primary before the failover.
        """
        if not isinstance(primary, LocalPostgres):
            raise StackError(f"{self.name} can only follow a server of the same runtime")
        if self.is_running():
            raise StackError(f"{self.name} still runs: kill it before it rejoins")
        old, self.data = self.data, self._next_data()
        arguments = ["-D", str(self.data), "-X", "stream", "-c", "fast", "-N"]
        done = primary.tool("pg_basebackup", arguments, deadline=deadline)
        if done.exit_code:
            raise StackError(f"{self.name}: pg_basebackup failed: {done.stderr.strip()}")
        self._site.account.own(self.data)
        self._free_segments()  # before the lock file goes: `clean` knows the killed server's segment from it alone
        shutil.rmtree(old, ignore_errors=True)
        self.follow(primary, synchronous=primary.member in self.synchronous_with)
        self.synchronous_with = set()
        self.start(deadline)
        primary.await_streaming(self.member, deadline)
        primary.apply_configuration()

    def _next_data(self) -> Path:
        number = int(self.data.name.partition("-")[2] or 1) + 1
        return self.folder / f"data-{number}"

    def follow(self, primary: LocalPostgres, *, synchronous: bool, delay_seconds: float | None = None) -> None:
        """Be a standby of `primary` from the next start on, with a delay through a proxy that dies with the primary."""
        self.following = primary
        self.close_proxy()
        self.proxy = DelayingProxy(primary.port, delay_seconds) if delay_seconds is not None else None
        self.standbys = {}
        primary.standbys = {**primary.standbys, self.member: self}
        if synchronous:
            primary.synchronous_with.add(self.member)

    def conninfo_for(self, member: str, *, port: int | None = None) -> str:
        """How a standby reaches this server, perhaps by a port of what stands in between. Implements Followable."""
        admin = self.roles[Role.ADMIN]
        return make_conninfo(
            host=self.host, port=port or self.port, user=admin.name, password=admin.password,
            application_name=member, connect_timeout=CONNECT_TIMEOUT_SECONDS,
        )  # fmt: skip

    def close_proxy(self) -> None:
        """End what stands between this standby and the server that it follows."""
        if self.proxy is not None:
            self.proxy.close()
        self.proxy = None

    def apply_configuration(self) -> None:
        """Write the configuration again and have the running server read it."""
        self._configure()
        self.execute("SELECT pg_reload_conf()")
