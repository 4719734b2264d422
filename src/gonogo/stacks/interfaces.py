"""What the rest of gonogo may ask of a running stack. Runtimes implement it; probes, faults, drills and load use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from gonogo.core.deadline import Deadline
from gonogo.core.outcome import Capability
from gonogo.rundir.logs import RunLog
from gonogo.spec.protected import ProtectedSpec
from gonogo.spec.stack import StackSpec


class Role(StrEnum):
    """Database roles: the harness's superuser, the schema's owner, the application."""

    ADMIN = "admin"
    OWNER = "owner"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillProof:
    """What a kill of a whole process tree proved. Instants are monotonic seconds."""

    killed_at: float  # just before the first signal
    gone_at: float  # when no process of the tree was left
    pids: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """For events and reports."""
        return f"{len(self.pids)} processes gone {1000 * (self.gone_at - self.killed_at):.0f} ms after SIGKILL"


@runtime_checkable
class Service(Protocol):
    """Anything a stack runs."""

    name: str
    kind: str

    def is_running(self) -> bool:
        """Whether its process (tree) or container lives; for external services, whether it answers."""

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log, "" where it cannot be read."""

    def pids(self) -> tuple[int, ...]:
        """Root processes on this host, for CPU accounting; empty where unknown."""


@runtime_checkable
class PostgresServer(Service, Protocol):
    """One PostgreSQL server."""

    host: str
    port: int
    database: str

    @property
    def standbys(self) -> Mapping[str, PostgresServer]:
        """By name; empty for a standby."""

    def dsn(self, role: Role = Role.ADMIN, *, database: str | None = None) -> str:
        """A libpq connection string for this one server, with password, application_name gonogo, connect_timeout."""

    def role_name(self, role: Role) -> str:
        """The name of a role in the database."""

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """Run one of the server's own client tools (pg_dump, pg_restore …) as the administrator.

        Connection settings come from the environment (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE). Paths among the
        arguments are host paths. A non-zero exit is returned, not raised; the deadline kills the tool and raises.
        """

    def kill(self) -> KillProof:
        """SIGKILL the whole process tree at once and wait until nothing of it is left."""

    def pause(self) -> None:
        """Freeze every process (SIGSTOP, docker pause)."""

    def resume(self) -> None:
        """Undo `pause`."""

    def start(self, deadline: Deadline) -> None:
        """Start again after kill or stop; returns when SQL is answered."""

    def promote(self, deadline: Deadline) -> None:
        """Ask a standby to become primary; returns when it accepts writes."""

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Rebuild this killed server as a standby of `primary` (fresh base backup) and wait until it streams."""


@runtime_checkable
class LimitedDisk(Protocol):
    """Where a server keeps its data, on a file system of a limited size."""

    @property
    def missing(self) -> str | None:
        """Why its size is not limited; None where it is."""

    def fill(self) -> int:
        """Take every byte that is free; returns how many. Raises StackError for a disk without a limit."""

    def release(self) -> None:
        """Give back what `fill` took. Safe to call twice."""

    def free_bytes(self) -> int:
        """What can still be written."""


def limited_disk(service: Service) -> LimitedDisk | None:
    """The disk of a service, where its runtime knows such a thing."""
    disk = getattr(service, "disk", None)
    return disk if isinstance(disk, LimitedDisk) else None


@runtime_checkable
class WalSending(Protocol):
    """An extra ability of a server: its WAL can be received as it is written, as by an archive elsewhere."""

    def receive_wal(self, folder: Path) -> AbstractContextManager[str]:
        """Receive into `folder` from now on (pg_receivewal); on leaving, the receiver is killed as it stands.

        Entering returns when the receiver follows the server, with its application_name. Raises StackError when it
        does not.
        """


@runtime_checkable
class FileStore(Service, Protocol):
    """A store beside the database, such as a cache, whose files can be copied and started from again."""

    @property
    def home(self) -> str:
        """Where its data lie, as its runtime names it: a folder, a volume."""

    @property
    def references(self) -> Mapping[str, str]:
        """What `${service.…}` gives for it to the stack's other services."""

    def copy_out(self, relative: str, target: Path, deadline: Deadline) -> None:
        """Copy a file or folder below its data folder (`.`: all of it) to a path of this host that is not there yet.

        It is for whoever calls to see that nothing changes there meanwhile. Raises StackError.
        """


@runtime_checkable
class Followable(Protocol):
    """An extra ability of a server: a throw-away standby of the same runtime can follow it, a standby's, too."""

    def conninfo_for(self, member: str) -> str:
        """The standby's `primary_conninfo`; `member` is its application_name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """A finished tool run."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float


@runtime_checkable
class HttpService(Service, Protocol):
    """The application under verification (or the LLM stub): something that answers HTTP."""

    url: str  # http://127.0.0.1:PORT, no trailing slash
    source: Path | None  # its source tree, where it can be read

    def restart(self, deadline: Deadline) -> None:
        """Stop gracefully and start again with the same settings; returns when it is ready."""

    def stop(self, grace_seconds: float) -> int | None:
        """SIGTERM, wait for the grace period, then SIGKILL. Returns the exit code."""

    def kill(self) -> KillProof:
        """SIGKILL."""

    def log_text(self) -> str:
        """The whole log so far. Raises MissingCapability where it cannot be read."""


REPLAY = "WAL replay"  # the phase in which a server starts from restored files
FIRST_SESSION = "first session"  # it takes connections, and we are not in yet
LOADING = "start and load"  # the same of a store beside the database


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchRequest:
    """A fresh throw-away PostgreSQL like `source`: same major version, same role names and passwords, no data.

    With `fill` it is no empty server: `fill` puts a restored data directory of the source at the path that it is given
    (which does not exist yet), and the server starts from that. Needs PHYSICAL_RESTORE. `phase` is told what begins
    after that: whatever the runtime does to the files, then REPLAY, the server's start,
    and where the runtime can tell that a server without a recovery of its own takes connections, FIRST_SESSION.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    fill: Callable[[Path], None] | None = None
    phase: Callable[[str], None] = lambda _name: None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredStore:
    """A store that stands in for a service of the stack file."""

    service: str
    store: FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A throw-away server like the store `service`, started from what `fill` puts into its empty data folder.

    `settings` replace those of the stack file. `phase` is told when the start begins. Needs SCRATCH_STORES.
    """

    service: str
    fill: Callable[[Path], None]
    settings: Mapping[str, str] = field(default_factory=dict)
    phase: Callable[[str], None] = lambda _name: None


@runtime_checkable
class Stack(Protocol):
    """A running stack."""

    spec: StackSpec
    spec_path: Path
    name: str
    runtime: str  # docker | embedded | external
    scratch: Path  # the run's scratch folder; removed at the end
    services: Mapping[str, Service]  # running services by name
    capabilities: frozenset[Capability]
    missing: Mapping[Capability, str]  # why each other capability is missing
    images: Mapping[str, str]  # service -> image, digest and "local rebuild", or binary version
    references: Mapping[
        str, str
    ]  # resolved references: "db.url.application", "generated.ACME_KEY", "db.roles.application" …

    def postgres(self, name: str | None = None) -> PostgresServer:
        """A server by service name, or `service/standby`; default the data service. MissingCapability if not there.

        After a promotion the default is the server that is primary now.
        """

    def application(self) -> HttpService:
        """The contract's service. Raises MissingCapability if there is none."""

    def llm(self) -> HttpService:
        """The LLM stub. Raises MissingCapability if there is none."""

    def resolve(self, text: str) -> str:
        """Replace every `${…}` reference in `text`. Raises UsageError naming an unknown one."""

    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> AbstractContextManager[PostgresServer]:
        """A fresh server, ready for SQL, proven fresh (own system identifier, no user tables) or filled; gone on exit.

        Its `restart`-free life: archive_mode off, own port, own directory.
        """

    def scratch_store(self, request: StoreRequest, deadline: Deadline) -> AbstractContextManager[FileStore]:
        """A fresh server of a store's kind on restored files, with a port and a folder of its own; gone on exit.

        Raises StackError where it does not start from them, StackTimedOut where that is not known.
        """

    def scratch_application(
        self, database: PostgresServer, deadline: Deadline, *, stores: Sequence[RestoredStore] = ()
    ) -> AbstractContextManager[HttpService]:
        """A second instance of the application whose database is `database`; removed on exit.

        With `stores` its references to those services lead to the restored ones. Needs SCRATCH_STORES.
        """

    def run_application(self, what: str, command: Sequence[str], database: PostgresServer, deadline: Deadline) -> None:
        """Run a command of the application, such as its `migrate`, to its end, with `database` as its database.

        Raises StackError with the end of its output where it fails; `what` is one word for it.
        """

    def close(self) -> None:
        """Stop everything that this run started, newest first. Safe to call twice."""


@runtime_checkable
class Housing(Protocol):
    """An extra ability of a stack: what works for it, scratch copies too, is not below gonogo's own process."""

    def holders(self) -> Iterable[int]:
        """Processes of this host, now, whose trees work for the stack."""


@runtime_checkable
class Runtime(Protocol):
    """A way to run stacks; one file of gonogo.stacks.runtimes."""

    name: str

    def available(self) -> str | None:
        """None when it can be used here, else one sentence that says what is missing."""

    def start(self, request: StackRequest) -> Stack:
        """Start (or attach to) the stack; returns when every service answers. Raises StackError, Interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRequest:
    """Everything a runtime needs to start a stack."""

    spec: StackSpec
    spec_path: Path
    run: RunServices
    deadline: Deadline
    application_source: Path | None = None  # instead of the stack file's own (a scratch copy with edits)
    allow_destructive: bool = False  # external: what the stack file calls disposable may be written to and broken
    protected: ProtectedSpec = field(default_factory=ProtectedSpec)  # but never this


@runtime_checkable
class RunServices(Protocol):
    """What the run offers to a runtime: identity, scratch space, undo records, redaction, progress."""

    run_id: str
    scratch: Path  # exists, mode 0711, removed by `clean`

    def intend(self, kind: str, data: Mapping[str, object]) -> str:
        """Record, fsynced, what is about to be started or broken, before it is; returns the record's id."""

    def undone(self, record: str) -> None:
        """The recorded thing is gone or healed."""

    def secret(self, value: str) -> str:
        """Register a secret for redaction; returns it."""

    def log(self, service: str) -> RunLog:
        """Where a service's log is kept in the run directory: redacted, bounded in size."""

    def progress(self, message: str) -> None:
        """One line for people."""
