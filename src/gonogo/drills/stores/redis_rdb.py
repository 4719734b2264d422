"""A snapshot of Redis: BGSAVE, then dump.rdb is copied once the server says that it was written."""

# ruff: noqa: ARG002 - a protocol, some of whose arguments it has no use for

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import StackError
from gonogo.core.outcome import Capability
from gonogo.drills import RestoreFailed
from gonogo.drills.stores import StoreArtefact, size_of
from gonogo.drills.stores._redis import RedisDrillParameters, RedisReader, server_of
from gonogo.stacks.redis import Redis, RedisRefused, RedisServer

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

SNAPSHOT = "dump.rdb"
POLL_SECONDS = 0.02


class RdbParameters(RedisDrillParameters):
    """How the snapshot is restored. `appendonly`: the restored server begins with its log on.

    Such a server does not read the snapshot at all, and starts empty.
    """

    appendonly: bool = False


class RedisRdb:
    """A drill method."""

    parameters = RdbParameters
    needs = frozenset({Capability.SCRATCH_REDIS})
    reader = RedisReader()

    def service(self, context: Context, parameters: RdbParameters) -> RedisServer:
        """The Redis of the drill."""
        return server_of(context, parameters)

    def backup(self, context: Context, parameters: RdbParameters, source: RedisServer, folder: Path) -> StoreArtefact:
        """BGSAVE, wait for it, copy the file. Raises RestoreFailed."""
        began = covers_until = time.monotonic()
        with Redis(source.port) as redis:
            covers_until = _saved(context, redis)
            file = redis.setting("dbfilename") or SNAPSHOT
        try:
            source.copy_out(file, folder / SNAPSHOT, context.deadline)
        except StackError as error:
            raise RestoreFailed(f"the snapshot cannot be copied: {error}") from error
        seconds = time.monotonic() - began
        return StoreArtefact(path=folder, size_bytes=size_of(folder), seconds=seconds, covers_until=covers_until)

    def fill(self, context: Context, parameters: RdbParameters, artefact: StoreArtefact, data: Path) -> None:
        """Put the snapshot where the server looks for it."""
        shutil.copyfile(artefact.path / SNAPSHOT, data / SNAPSHOT)

    def settings(self, parameters: RdbParameters) -> Mapping[str, str]:
        """Without a log, which would be read in the snapshot's place; nothing is written over the snapshot."""
        return {"save": "", "dbfilename": SNAPSHOT, "appendonly": "yes" if parameters.appendonly else "no"}

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a snapshot."""
        from gonogo.drills.stores._redis_defects import RDB_DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(RDB_DEFECTS)


METHOD = RedisRdb()


def _saved(context: Context, redis: Redis) -> float:
    """Wait until a snapshot that began now is written; returns when it began. Raises RestoreFailed.

    LASTSAVE counts whole seconds, and moves only where the second is another one than that of the save before.
    """
    before = int(redis.text("LASTSAVE"))
    context.deadline.poll(
        lambda: int(_now(redis)) > before and redis.info("persistence")["rdb_bgsave_in_progress"] == "0",
        every_seconds=POLL_SECONDS, what="an earlier snapshot is finished",
    )  # fmt: skip
    began = time.monotonic()
    try:
        redis.command("BGSAVE", "SCHEDULE")
    except RedisRefused as error:
        raise RestoreFailed(f"BGSAVE: {error}") from error
    context.deadline.poll(lambda: _ended(redis, before), every_seconds=POLL_SECONDS, what="BGSAVE ends")
    return began


def _ended(redis: Redis, before: int) -> bool:
    """Whether a later snapshot is written. Raises RestoreFailed where it was not."""
    state = redis.info("persistence")
    busy = state["rdb_bgsave_in_progress"] != "0" or state.get("aof_rewrite_in_progress", "0") != "0"
    if not busy and state["rdb_last_bgsave_status"] != "ok":
        raise RestoreFailed("BGSAVE failed: rdb_last_bgsave_status is " + state["rdb_last_bgsave_status"])
    return not busy and int(redis.text("LASTSAVE")) > before


def _now(redis: Redis) -> str:
    found = redis.command("TIME")
    assert isinstance(found, list)
    assert isinstance(found[0], bytes)
    return found[0].decode()
