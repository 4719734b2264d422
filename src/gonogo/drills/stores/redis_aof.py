"""The append-only log of Redis: its folder with manifest, base and increments, copied while no rewrite can begin."""

# ruff: noqa: ARG002 - a protocol, some of whose arguments it has no use for

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable, StackError
from gonogo.core.outcome import Capability
from gonogo.drills import RestoreFailed
from gonogo.drills.stores import StoreArtefact, size_of
from gonogo.drills.stores._redis import RedisDrillParameters, RedisReader, server_of
from gonogo.stacks.redis import Redis, RedisServer

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

FOLDER = "appendonlydir"
REWRITE = "auto-aof-rewrite-percentage"
POLL_SECONDS = 0.005
FLUSH_SECONDS = 10.0  # a write waits for a slow disk for two seconds at most


class RedisAof:
    """A drill method."""

    parameters = RedisDrillParameters
    needs = frozenset({Capability.SCRATCH_REDIS})
    reader = RedisReader()

    def service(self, context: Context, parameters: RedisDrillParameters) -> RedisServer:
        """The Redis of the drill. Raises NotMeasurable where it writes no log."""
        server = server_of(context, parameters)
        with Redis(server.port) as redis:
            if redis.setting("appendonly") != "yes":
                raise NotMeasurable(f"{server.name} has appendonly no: there is no log to restore from")
            if redis.setting("appenddirname") is None:
                raise NotMeasurable(f"{server.name} keeps its log in one file, as before version 7")
        return server

    def backup(
        self,
        context: Context,
        parameters: RedisDrillParameters,
        source: RedisServer,
        folder: Path,
    ) -> StoreArtefact:
        """Copy the folder of the log, as Redis' documentation says. Raises RestoreFailed."""
        began = time.monotonic()
        with Redis(source.port) as redis, _without_rewrites(context, redis):
            covers_until = time.monotonic()
            context.deadline.within(FLUSH_SECONDS).poll(
                lambda: redis.info("persistence").get("aof_buffer_length") == "0",
                every_seconds=POLL_SECONDS, what="the log takes what was acknowledged",
            )  # fmt: skip
            log = redis.setting("appenddirname") or FOLDER
            try:
                source.copy_out(log, folder / FOLDER, context.deadline)
            except StackError as error:
                raise RestoreFailed(f"the log cannot be copied: {error}") from error
        seconds = time.monotonic() - began
        return StoreArtefact(path=folder, size_bytes=size_of(folder), seconds=seconds, covers_until=covers_until)

    def fill(self, context: Context, parameters: RedisDrillParameters, artefact: StoreArtefact, data: Path) -> None:
        """Put the folder where the server looks for it."""
        shutil.copytree(artefact.path / FOLDER, data / FOLDER)

    def settings(self, parameters: RedisDrillParameters) -> Mapping[str, str]:
        """With the log, by the names that the copy has."""
        return {"appendonly": "yes", "appenddirname": FOLDER}

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a log."""
        from gonogo.drills.stores._redis_defects import AOF_DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(AOF_DEFECTS)


METHOD = RedisAof()


@contextmanager
def _without_rewrites(context: Context, redis: Redis) -> Iterator[None]:
    """No rewrite begins, and none is under way: it would take files away that the manifest still names."""
    usual = redis.setting(REWRITE)
    redis.command("CONFIG", "SET", REWRITE, 0)
    try:
        context.deadline.poll(
            lambda: _no_rewrite(redis), every_seconds=POLL_SECONDS, what="a rewrite of the log is finished"
        )
        yield
    finally:
        if usual is not None:
            redis.command("CONFIG", "SET", REWRITE, usual)


def _no_rewrite(redis: Redis) -> bool:
    state = redis.info("persistence")
    return state["aof_rewrite_in_progress"] == "0" and state["aof_rewrite_scheduled"] == "0"
