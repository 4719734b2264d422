"""Whether a standby has what the primary has: how long it takes to get there, and whether the rows are the same."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from gonogo.core.errors import DeadlineExceeded, NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Seconds, Spec

if TYPE_CHECKING:
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

POLL_SECONDS = 0.01
Fingerprint = tuple[int, str]  # rows, and the sum of their hashes
TRIES = 3  # a table that is written to all the time cannot be compared
READ_SECONDS = 60.0
SETTLED_SECONDS = 0.5  # from the arrival of WAL until the startup process has certainly woken up
# Readers log hint bits and pruned pages that nobody commits. The WAL writer flushes them by whole pages, perhaps to the
# middle of a record, whose rest no standby can replay before it comes: there everything has been replayed when the
# startup process waits for more.
PROGRESS = """
SELECT pg_last_wal_replay_lsn() >= %(lsn)s::pg_lsn,
       (%(lsn)s::pg_lsn - '0/0'::pg_lsn) %% current_setting('wal_block_size')::integer = 0
       AND pg_last_wal_receive_lsn() >= %(lsn)s::pg_lsn,
       (SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup')
"""
WAITS_FOR_WAL = "RecoveryWalStream"
# Read errors of a standby that say something about its data, not about our privileges or its load.
UNREADABLE = ("0A000", "42P01", "XX001", "XX002")  # unlogged table, no such table, damaged data, damaged index


class StandbyParityParameters(Spec):
    """`tables`: keys of the stack file's data layout, default all. `patience`: how long replay may take at most."""

    tables: tuple[str, ...] = ()
    patience: Seconds = Field(default=10.0, gt=0)


class StandbyParityProbe:
    """A probe. It commits one empty message to the primary's log, by which it sees how far a standby is.

    What is only read gets no message: there the standby must reach what others have written, and a standby that delays
    commits on purpose (recovery_min_apply_delay) is at least so far behind.
    """

    parameters = StandbyParityParameters
    needs = frozenset({Capability.SQL})

    def observe(self, context: Context, parameters: StandbyParityParameters) -> Iterable[Observation]:
        """`replay_paused`, `replay` (seconds; at least that where the patience ran out) and `tables_that_differ`."""
        primary = context.stack.postgres()
        if not primary.standbys:
            raise NotMeasurable("the primary has no standby to ask")
        tables = parameters.tables or tuple(context.facts.tables)
        unknown = [key for key in tables if key not in context.facts.tables]
        if unknown or not tables:
            raise NotMeasurable(
                f"there is no table {', '.join(unknown)} to compare" if unknown else "no tables are known"
            )
        names = [context.facts.tables[key].name for key in tables]
        for name, standby in primary.standbys.items():
            yield Observation(name="replay_paused", subject=name, value=_replay_paused(standby))
            seconds, differences = _compare(context, (primary, standby), names, parameters.patience)
            if differences is None:
                yield Observation(
                    name="replay", subject=name, value=seconds, unit="s", n=1, lower_bound=True, load_sensitive=True
                )
                continue
            yield Observation(name="replay", subject=name, value=seconds, unit="s", n=1, load_sensitive=True)
            value = tuple(f"{name}: {reason}" for reason in differences)
            yield Observation(name="tables_that_differ", value=value, n=len(names))


PROBE = StandbyParityProbe()


def _replay_paused(standby: PostgresServer) -> bool:
    from gonogo.pg.reading import read_rows, reading  # noqa: PLC0415 - listing and planning need no database driver

    with reading(standby.dsn(), seconds=READ_SECONDS) as connection:
        found = read_rows(connection, "SELECT pg_is_in_recovery(), pg_is_wal_replay_paused()", {}).rows[0]
    return bool(found[1])


def _replay_seconds(context: Context, primary: PostgresServer, standby: PostgresServer, patience: float) -> float:
    """From a commit on the primary until the standby shows it; `patience` where it did not by then."""
    writes = context.stack.runtime != "external" or Capability.WRITE in context.stack.capabilities
    import psycopg  # noqa: PLC0415 - listing and planning need no database driver

    from gonogo.pg.reading import server_words  # noqa: PLC0415 - as above
    from gonogo.pg.sessions import session  # noqa: PLC0415 - as above

    try:
        # Local: a commit that waits for this very standby would measure nothing, and perhaps for ever.
        with session(primary.dsn(), timeout_seconds=READ_SECONDS, synchronous_commit="local") as writer:
            if writes:
                writer.execute("SELECT pg_logical_emit_message(true, 'gonogo', '')")
            committed = time.monotonic()
            (lsn,) = writer.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        with session(standby.dsn(), timeout_seconds=READ_SECONDS) as reader:
            replay = Replay(reader, lsn)
            seen = context.deadline.within(patience).poll(replay.shows, every_seconds=POLL_SECONDS, what="replay")
            delay = 0.0 if writes else _apply_delay(reader)
    except DeadlineExceeded:
        context.deadline.check("the standby replays")
        if replay.is_cut_unseen:
            words = "the log ends within a record, and what the standby waits for is hidden from this role"
            raise NotMeasurable(words) from None
        return patience
    except psycopg.Error as error:
        raise NotMeasurable(server_words(error)) from error
    return max(seen - committed, delay)


class Replay:
    """How far a standby is with the log that was there at one moment."""

    def __init__(self, reader: Connection, lsn: str) -> None:
        self._reader = reader
        self._lsn = lsn
        self._waiting_since: float | None = None
        self.is_cut_unseen = (
            False  # whether only what the startup process waits for could tell, and nobody may see that
        )

    def shows(self) -> bool:
        """Whether it has replayed every whole record of it."""
        reached, is_cut, event = self._reader.execute(PROGRESS, {"lsn": self._lsn}).fetchone() or (False, False, None)
        self.is_cut_unseen = bool(is_cut) and event is None
        if not (is_cut and event == WAITS_FOR_WAL):
            self._waiting_since = None
            return bool(reached)
        self._waiting_since = self._waiting_since or time.monotonic()
        return bool(reached) or time.monotonic() - self._waiting_since >= SETTLED_SECONDS


def _apply_delay(standby: Connection) -> float:
    """Seconds by which a standby delays every commit on purpose."""
    row = standby.execute(
        "SELECT setting::float / 1000 FROM pg_settings WHERE name = 'recovery_min_apply_delay'"
    ).fetchone()
    return float(row[0]) if row else 0.0


def _compare(
    context: Context, servers: tuple[PostgresServer, PostgresServer], tables: Sequence[str], patience: float
) -> tuple[float, list[str] | None]:
    """Seconds of replay, and how the tables differ; None for the latter where replay did not get there.

    Raises NotMeasurable for tables that do not hold still.
    """
    primary, standby = servers
    for _ in range(TRIES):
        before = {table: _fingerprint(primary, table) for table in tables}
        seconds = _replay_seconds(context, primary, standby, patience)
        if seconds >= patience:
            return seconds, None
        differences = {table: reason for table in tables if (reason := _difference(standby, table, before[table]))}
        if all(_fingerprint(primary, table) == before[table] for table in differences):
            return seconds, list(differences.values())
    raise NotMeasurable(f"{', '.join(differences)}: written to while it is compared")


def _difference(standby: PostgresServer, table: str, wanted: Fingerprint) -> str | None:
    """How a table of the standby differs; None where it does not."""
    try:
        found = _fingerprint(standby, table)
    except NotMeasurable as error:
        if getattr(error.__cause__, "sqlstate", None) in UNREADABLE:
            return f"{table} ({error})"
        raise
    if found == wanted:
        return None
    return f"{table} ({found[0]} rows instead of {wanted[0]})" if found[0] != wanted[0] else f"{table} (other contents)"


def _fingerprint(server: PostgresServer, table: str) -> Fingerprint:
    """Rows and the sum of their hashes, in whatever order they come."""
    from gonogo.pg.reading import read_rows, reading  # noqa: PLC0415 - listing and planning need no database driver

    # The name is regclass text: the server has quoted it.
    statement = f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {table} t"  # noqa: S608 - see above
    with reading(server.dsn(), seconds=READ_SECONDS) as connection:
        count, total = read_rows(connection, statement, {}).rows[0]
    return int(str(count)), str(total)
