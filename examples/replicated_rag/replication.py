"""How the standbys are, as the primary knows it at the moment of asking. Nothing is remembered between two answers.

`pg_stat_replication` alone is not enough: a standby that froze is still `streaming` there until wal_sender_timeout,
with the lag of its last message. What gives it away are the age of that message and the log that it has not replayed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reference_rag.database import Connection
from reference_rag.rag import Rag

STALE, ABSENT = "stale", "absent"

_ROLE = "SELECT pg_is_in_recovery(), clock_timestamp()"
_STANDBYS = """
SELECT application_name, state, sync_state,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,
       CASE WHEN replay_lsn >= pg_current_wal_lsn() THEN 0
            ELSE extract(epoch FROM greatest(replay_lag, clock_timestamp() - reply_time)) END::float,
       extract(epoch FROM clock_timestamp() - reply_time)::float
FROM pg_stat_replication
ORDER BY application_name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One standby. What nobody can know of an absent one is None; lag is what it has not replayed yet."""

    name: str
    state: str  # streaming, catchup, backup, startup, stopping; stale or absent
    sync_state: str | None = None
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    heartbeat_age_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Role of the server that the service writes to, and its standbys."""

    role: str
    as_of: datetime
    standbys: tuple[Standby, ...]


class Replication:
    """Asks the primary. The role of the service needs pg_read_all_stats."""

    def __init__(self, rag: Rag, expected: tuple[str, ...], heartbeat_limit: float) -> None:
        self._rag = rag
        self._expected = expected
        self._heartbeat_limit = heartbeat_limit

    async def status(self, tenant: str) -> Status:
        """The state of things now. Raises ServiceError when the primary cannot be asked."""

        async def ask(connection: Connection) -> tuple[Any, list[Any]]:
            role = await (await connection.execute(_ROLE)).fetchone()
            return role, await (await connection.execute(_STANDBYS)).fetchall()

        (in_recovery, as_of), rows = await self._rag.database.read(tenant, ask)
        connected = [self.standby(row) for row in rows]
        absent = [Standby(name=name, state=ABSENT) for name in self._expected if name not in {row[0] for row in rows}]
        role = "standby" if in_recovery else "primary"
        return Status(role=role, as_of=as_of, standbys=(*connected, *absent))

    def standby(self, row: Any) -> Standby:
        """A connected standby; one that has not said anything for too long is stale, whatever its connection says."""
        name, state, sync_state, lag_bytes, lag_seconds, heartbeat_age = row
        if heartbeat_age is None or heartbeat_age > self._heartbeat_limit:
            state = STALE
        return Standby(
            name=name, state=state, sync_state=sync_state, lag_bytes=lag_bytes, lag_seconds=lag_seconds,
            heartbeat_age_seconds=heartbeat_age,
        )  # fmt: skip
