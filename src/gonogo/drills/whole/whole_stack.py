"""Dump, vector store's folder and cache at one moment, while the application is stopped; all restored together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gonogo.core.outcome import Capability
from gonogo.drills.pg_dump import METHOD as DUMP
from gonogo.drills.pg_dump import PgDumpParameters
from gonogo.drills.stores._servers import started_from_copy
from gonogo.drills.stores._stopped import stopped
from gonogo.drills.stores.chroma_directory import METHOD as VECTORS
from gonogo.drills.stores.chroma_directory import ChromaDirectoryParameters
from gonogo.drills.stores.redis_rdb import METHOD as SNAPSHOT
from gonogo.drills.stores.redis_rdb import RdbParameters
from gonogo.drills.whole import Copies, Parts, Restored
from gonogo.spec.base import Spec
from gonogo.stacks.interfaces import ScratchRequest, StoreRequest
from gonogo.stacks.redis import KIND as CACHE

if TYPE_CHECKING:
    from gonogo.drills import Phases
    from gonogo.drills.stores import StoreArtefact
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore, PostgresServer

NOTHING_KEPT = {"save": "", "appendonly": "no"}


class WholeStackParameters(Spec):
    """How the stores are brought to one moment, and what becomes of the cache.

    `cache`: it comes back `empty`, as it was at the `moment` of the other copies, or is `kept` as it was at the end.
    """

    database: str | None = None  # services; default the data service, and the only one of its kind
    vectors: str | None = None
    cache_service: str | None = None
    cache: Literal["empty", "moment", "kept"] = "empty"
    application: Literal["stopped", "running"] = "stopped"  # while the copies are made
    schedule: str = "dump"  # the entry of the stack file's `backups` that says how often all of this is really made


class WholeStack:
    """A drill method."""

    parameters = WholeStackParameters
    needs = (
        DUMP.needs
        | VECTORS.needs
        | {Capability.SCRATCH_POSTGRES, Capability.APPLICATION, Capability.SCRATCH_APPLICATION}
    )

    def parts(self, context: Context, parameters: WholeStackParameters) -> Parts:
        """The database, the vector store, and the cache if there is one."""
        caches = [name for name, one in context.stack.services.items() if one.kind == CACHE]
        cached = bool(caches) or parameters.cache_service is not None
        return Parts(
            database=context.stack.postgres(parameters.database),
            vectors=VECTORS.service(context, ChromaDirectoryParameters(service=parameters.vectors)),
            cache=SNAPSHOT.service(context, RdbParameters(service=parameters.cache_service)) if cached else None,
        )

    def copy(
        self,
        context: Context,
        parameters: WholeStackParameters,
        parts: Parts,
        folder: Path,
        look: Callable[[], None],
    ) -> Copies:
        """Stop the application, copy one store after the other, start it again. Raises RestoreFailed."""
        folder.mkdir(parents=True)
        with ExitStack() as quiet:
            if parameters.application == "stopped":
                quiet.enter_context(stopped(context, context.stack.application()))
            at = time.monotonic()
            look()
            began = time.monotonic()
            dumping = PgDumpParameters(service=parameters.database)
            database = DUMP.backup(context, dumping, parts.database, folder)
            cache = self._cached(context, parts, folder / "cache") if parameters.cache == "moment" else None
            vectors = VECTORS.backup(context, ChromaDirectoryParameters(), parts.vectors, folder / "vectors")
            seconds = time.monotonic() - began
            look()
        return Copies(database=database, vectors=vectors, cache=cache, at=at, seconds=seconds)

    def last_look(
        self, context: Context, parameters: WholeStackParameters, parts: Parts, copies: Copies, folder: Path
    ) -> Copies:
        """A cache that is kept goes on as it is at the end, beside stores of an earlier moment."""
        if parameters.cache != "kept":
            return copies
        return replace(copies, cache=self._cached(context, parts, folder / "kept"))

    def _cached(self, context: Context, parts: Parts, folder: Path) -> StoreArtefact | None:
        return SNAPSHOT.backup(context, RdbParameters(), parts.cache, folder) if parts.cache is not None else None  # type: ignore[arg-type]  # `service` gave it

    @contextmanager
    def restored(
        self, context: Context, parameters: WholeStackParameters, parts: Parts, copies: Copies, phases: Phases
    ) -> Iterator[Restored]:
        """One store after the other: the database, the vectors, the cache. Raises RestoreFailed, NotMeasurable."""
        with ExitStack() as scratch:
            database = scratch.enter_context(_database(context, parameters, copies, phases))
            phases.begin("vectors: copy back")
            filling = partial(VECTORS.fill, context, ChromaDirectoryParameters(), copies.vectors)
            begin = _named("vectors", phases)
            request = StoreRequest(service=parts.vectors.name, fill=filling, phase=begin)
            vectors = scratch.enter_context(started_from_copy(context, request, parts.vectors))
            cache = None
            if parts.cache is not None:
                phases.begin("cache: copy back")
                request = _cache_request(context, parts.cache, copies.cache, _named("cache", phases))
                cache = scratch.enter_context(started_from_copy(context, request, parts.cache))
            yield Restored(database=database, vectors=vectors, cache=cache)

    def artefact_defects(self) -> Mapping[str, Callable[[Copies, Copies], Copies]]:
        """The ways to mix up copies."""
        from gonogo.drills.whole._mixed_up import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return DEFECTS


METHOD = WholeStack()


def _named(store: str, phases: Phases) -> Callable[[str], None]:
    return lambda name: phases.begin(f"{store}: {name}")


@contextmanager
def _database(
    context: Context, parameters: WholeStackParameters, copies: Copies, phases: Phases
) -> Iterator[PostgresServer]:
    """The dump in a fresh server, its indexes and statistics included."""
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    dumping = PgDumpParameters(service=parameters.database)
    with context.stack.scratch_postgres(ScratchRequest(name="restored"), context.deadline) as target:
        source = context.stack.postgres(parameters.database)
        assert (target.host, target.port) != (source.host, source.port)
        DUMP.restore(context, dumping, copies.database, target, phases)
        DUMP.finish(context, dumping, copies.database, target, phases)
        phases.begin("analyze")
        with session(target.dsn(), timeout_seconds=context.deadline.remaining_seconds) as connection:
            connection.execute("ANALYZE")
        yield target


def _cache_request(
    context: Context, cache: FileStore, copy: StoreArtefact | None, begin: Callable[[str], None]
) -> StoreRequest:
    if copy is None:
        return StoreRequest(service=cache.name, fill=lambda _data: None, settings=NOTHING_KEPT, phase=begin)
    filling = partial(SNAPSHOT.fill, context, RdbParameters(), copy)
    return StoreRequest(service=cache.name, fill=filling, settings=SNAPSHOT.settings(RdbParameters()), phase=begin)
