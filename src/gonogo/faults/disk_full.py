"""The disk of the database is full: every byte that was free is taken, until a write is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.errors import DeadlineExceeded, GonogoError, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.core.quantity import format_bytes
from gonogo.faults import FaultDidNotHeal, FaultDidNotLand, FaultParameters
from gonogo.faults._base import healed_on_error, record_intent, server_of
from gonogo.stacks.interfaces import LimitedDisk, PostgresServer, limited_disk

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

NAME = "disk_full"
SCHEMA = "gonogo_disk_full"
SESSION_SECONDS = 10.0
REFUSAL_SECONDS = 20.0
ANSWER_SECONDS = 45.0
POLL_SECONDS = 0.1
NO_SPACE = "53100"  # disk_full
ROW_BYTES = 2000
ROWS = 200  # in one statement: more than a page, much less than the disk

PREPARE = (
    f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
    f"CREATE SCHEMA {SCHEMA}",
    f"CREATE TABLE {SCHEMA}.ballast (id bigint GENERATED ALWAYS AS IDENTITY, content text)",
    f"ALTER TABLE {SCHEMA}.ballast ALTER content SET STORAGE PLAIN",
)
WRITE = f"INSERT INTO {SCHEMA}.ballast (content) SELECT repeat('x', %s) FROM generate_series(1, %s)"  # noqa: S608 - constants


class DiskFullParameters(FaultParameters):
    """Which database service; default the data service. Its `disk:` must have a size.

    `then`: what is done about it. `space`: room is made, the server goes on. `kill`: it is killed while its disk is
    full, as impatient people and orchestrators do, and started again when there is room.
    """

    service: str | None = None
    then: Literal["space", "kill"] = "space"


class DiskFull:
    """A kind of fault."""

    parameters = DiskFullParameters
    needs = frozenset({Capability.SQL, Capability.LIMIT_DISK, Capability.KILL})

    def inject(self, context: Context, parameters: Any) -> Full:
        """Fill the disk, then write until the server refuses: that, and nothing less, is the proof."""
        server = server_of(context, parameters.service)
        disk = limited_disk(server)
        if disk is None or disk.missing is not None:
            raise NotMeasurable(f"{server.name}: {disk.missing if disk else 'its runtime limits no disks'}")
        data = {"service": server.name}
        full = Full(server=server, disk=disk, then=parameters.then, record=record_intent(context, NAME, data))
        with healed_on_error(full, context):
            _execute(server, PREPARE)
            taken = disk.fill()
            full.injected_at = time.monotonic()
            refusal = _refusal(context, server, disk)
            full.proof = f"{format_bytes(taken)} taken, {format_bytes(disk.free_bytes())} left; {refusal}"
        return full

    def undo(self, context: Context | None, data: dict[str, Any]) -> str:  # noqa: ARG002 - the protocol's
        """Nothing: the disk belongs to the run that was killed, and `clean` unmounts it."""
        return "the disk was that run's own; `clean` unmounts it"


@dataclass(slots=True, kw_only=True)
class Full:
    """Nothing can be written any more."""

    server: PostgresServer
    disk: LimitedDisk
    then: str
    record: str
    proof: str = ""
    injected_at: float = 0.0
    _healed: str = field(default="", init=False)

    def heal(self, context: Context) -> str:
        """Give the space back, start the server if it has given up, and prove that it writes again."""
        if not self._healed:
            try:
                self._healed = self._healed_with_proof(context)
            except (GonogoError, OSError) as error:
                raise FaultDidNotHeal(f"{self.server.name} does not write again: {error}") from error
            context.run.undone(self.record)
        return self._healed

    def _healed_with_proof(self, context: Context) -> str:
        fate = "went on running"
        if self.then == "kill" and self.proof and self.server.is_running():
            self.server.kill()
            fate = "was killed with a full disk and started again"
        self.disk.release()
        if not self.server.is_running():
            fate = fate if self.then == "kill" else "had ended and was started again"
            self.server.start(context.deadline.within(ANSWER_SECONDS))
        limit = context.deadline.within(ANSWER_SECONDS)
        limit.poll(self._writes, every_seconds=POLL_SECONDS, what=f"{self.server.name} writes again")
        free = format_bytes(self.disk.free_bytes())
        return f"{free} are free, {self.server.name} {fate}, and a write was acknowledged"

    def _writes(self) -> bool:
        import psycopg  # noqa: PLC0415 - planning reads this module and needs no driver

        try:
            _execute(self.server, (f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", *PREPARE[1:2], PREPARE[0]))
        except psycopg.Error:
            return False
        return True


FAULT = DiskFull()


def _execute(server: PostgresServer, statements: tuple[str, ...]) -> None:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - see Full._writes

    with session(server.dsn(), timeout_seconds=SESSION_SECONDS) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _refusal(context: Context, server: PostgresServer, disk: LimitedDisk) -> str:
    """Write until it is refused; what the server said, and what became of it. Raises FaultDidNotLand."""
    import psycopg  # noqa: PLC0415 - see Full._writes

    from gonogo.pg.sessions import session  # noqa: PLC0415 - as above

    limit = context.deadline.within(REFUSAL_SECONDS)
    written = 0
    try:
        with session(server.dsn(), timeout_seconds=SESSION_SECONDS) as connection:
            while True:
                limit.check("a write is refused")
                connection.execute(WRITE.encode(), [ROW_BYTES, ROWS])
                written += ROWS
                disk.fill()  # what the server has freed meanwhile
    except psycopg.OperationalError as error:
        words = " ".join((error.diag.message_primary or str(error)).split())
        if error.sqlstate == NO_SPACE:
            return f"after {written} more rows a write was refused with {NO_SPACE}: {words}"
        return f"after {written} more rows the server broke off: {words}; {_log_says(server)}"
    except DeadlineExceeded as error:
        context.deadline.check("a write is refused")
        raise FaultDidNotLand(f"{server.name} still wrote after {REFUSAL_SECONDS:.0f} s: {written} rows") from error


def _log_says(server: PostgresServer) -> str:
    """The line of the server's log that names the full disk. Raises FaultDidNotLand where none does."""
    for line in reversed(server.log_tail(200).splitlines()):
        if "No space left on device" in line:
            return f"its log says: {line.strip()[:200]}"
    raise FaultDidNotLand(f"{server.name} broke off, but not for want of space")
