"""Logical backup: pg_dump in the custom format, restored by pg_restore section by section."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from gonogo.core.outcome import Capability
from gonogo.drills import Artefact, Phases, RestoreFailed, words
from gonogo.spec.base import Spec
from gonogo.stacks.fresh import database_beside, drop_empty_database

if TYPE_CHECKING:
    from gonogo.core.facts import Facts
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

MIB = 2**20
SMALLEST_MEMORY_BYTES = 64 * MIB  # the server's default: less would be a loss
MEMORY_PER_INDEX = 1.5  # the graph in memory against the index on disk: 1.2 measured at 384 dimensions
MEMORY_SHARE = 0.25  # of the host's memory at most
NEEDS = frozenset({Capability.BACKUP_TOOLS, Capability.SQL})
VECTOR_INDEX = re.compile(r"^CREATE INDEX (?P<name>\S+) ON .* USING (?:hnsw|ivfflat) ", re.MULTILINE)
OF_INDEX = re.compile(  # in a list: an index, what attaches it to that of a partitioned table, and its comment
    r"^\d+; \d+ \d+ (?:INDEX(?: ATTACH)? \S+|COMMENT \S+ INDEX) (?P<name>\S+)(?: \S+)?$"
)


class DumpParameters(Spec):
    """What dumps of every format have in common."""

    format: Literal["custom", "plain"]
    service: str | None = None  # default: the service of the data layout
    compression: str = "gzip:1"  # as pg_dump's --compress takes it; gzip's own default costs five times as much
    create: bool = True  # --create: the database's own settings come back too
    maintenance_memory: str | None = None  # default: what the largest vector index needs to be built in memory
    schedule: str = "dump"  # the entry of the stack file's `backups` that says how often this backup is really made


class PgDumpParameters(DumpParameters):
    """How the backup is made and restored, as the team does it."""

    format: Literal["custom"] = "custom"
    jobs: int = Field(default=1, ge=1)  # of pg_restore


class PgDump:
    """A drill method."""

    parameters = PgDumpParameters
    needs = NEEDS

    def backup(self, context: Context, parameters: PgDumpParameters, source: PostgresServer, folder: Path) -> Artefact:
        """Dump the database. Raises RestoreFailed when there is no dump: then there is nothing to restore."""
        return dump(context, parameters, source, folder / "dump")

    def restore(
        self, context: Context, parameters: PgDumpParameters, artefact: Artefact, target: PostgresServer, phases: Phases
    ) -> None:
        """Tables, rows, keys and policies, each a phase; then every query can be answered. Raises RestoreFailed."""
        restoring = Restoring(context, parameters, artefact, target)
        phases.begin("schema")
        if parameters.create:
            drop_empty_database(target)
        restoring.run("pre-data", create=parameters.create)
        phases.begin("data")
        restoring.run("data")
        phases.begin("keys and policies")
        entries, of_vector_indexes = restoring.list_of_post_data()
        restoring.run("post-data", only=[entry for entry in entries if entry not in of_vector_indexes])

    def finish(
        self, context: Context, parameters: PgDumpParameters, artefact: Artefact, target: PostgresServer, phases: Phases
    ) -> None:
        """Vector indexes: they take most of the time, and no answer needs them to be right. Raises RestoreFailed."""
        restoring = Restoring(context, parameters, artefact, target)
        phases.begin("vector indexes")
        _, of_vector_indexes = restoring.list_of_post_data()
        restoring.run("post-data", only=of_vector_indexes)

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a dump."""
        from gonogo.drills._pg_dump_defects import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(DEFECTS)


METHOD = PgDump()


def dump(
    context: Context,
    parameters: DumpParameters,
    source: PostgresServer,
    path: Path,
    extra: Sequence[str] = (),
) -> Artefact:
    """Run pg_dump as the administrator: row-level security hides rows from every other role. Raises RestoreFailed."""
    path.touch(mode=0o600)  # before the tool creates it for everybody to read
    arguments = [f"--format={parameters.format}", f"--compress={parameters.compression}", f"--file={path}", *extra]
    arguments += ["--create"] if parameters.format == "plain" and parameters.create else []
    covers_until = time.monotonic()  # the snapshot is taken a little later: never claim what may be missing
    result = source.tool("pg_dump", arguments, deadline=context.deadline)
    context.recorder.artifact("pg_dump.log", result.stderr)
    if result.exit_code:
        raise RestoreFailed(f"pg_dump failed: {words(result)}")
    return Artefact(path=path, size_bytes=path.stat().st_size, seconds=result.seconds, covers_until=covers_until)


class Restoring:
    """One restore."""

    def __init__(
        self, context: Context, parameters: PgDumpParameters, artefact: Artefact, target: PostgresServer
    ) -> None:
        self._context = context
        self._parameters = parameters
        self._artefact = artefact
        self._target = target

    def run(self, section: str, *, create: bool = False, only: Sequence[str] | None = None) -> None:
        """Restore a section, or the entries `only` of it."""
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - planning need not pay for the driver

        if only is not None and not only:
            return
        database = database_beside(self._target) if create else self._target.database
        connection = make_conninfo(dbname=database, options=build_options(self._context, self._parameters))
        arguments = ["--exit-on-error", f"--section={section}", f"--dbname={connection}"]
        arguments += ["--create"] if create else []
        arguments += [f"--jobs={self._parameters.jobs}"] if section != "pre-data" and self._parameters.jobs > 1 else []
        if only is not None:
            use_list = self._artefact.path.with_name("entries")
            use_list.write_text("\n".join(only) + "\n")
            arguments.append(f"--use-list={use_list}")
        self._tool(arguments)

    def list_of_post_data(self) -> tuple[list[str], list[str]]:
        """All entries after the data, and those among them that build vector indexes."""
        script = self._tool(["--section=post-data", "--file=-"])
        names = {match["name"].strip('"') for match in VECTOR_INDEX.finditer(script)}
        listed = self._tool(["--section=post-data", "--list"]).splitlines()
        entries = [line for line in listed if line.strip() and not line.startswith(";")]
        return entries, [line for line in entries if waits_for_one_of(line, names)]

    def _tool(self, arguments: Sequence[str]) -> str:
        result = self._target.tool(
            "pg_restore", [*arguments, str(self._artefact.path)], deadline=self._context.deadline
        )
        if result.stderr:
            self._context.recorder.artifact(f"pg_restore_{time.monotonic_ns()}.log", result.stderr)
        if result.exit_code:
            raise RestoreFailed(f"pg_restore failed: {words(result)}")
        return result.stdout


def build_options(context: Context, parameters: DumpParameters) -> str:
    """Settings of the restoring session: memory and workers for index builds.

    Workers beyond the leader; more than there are processors bring nothing.
    """
    memory = parameters.maintenance_memory or f"{maintenance_memory_bytes(context.facts) // MIB}MB"
    workers = max(1, int(context.facts.host.get("processors", "2")) - 1)
    return f"-c maintenance_work_mem={memory} -c max_parallel_maintenance_workers={workers}"


def waits_for_one_of(line: str, names: set[str]) -> bool:
    """Whether a line of the archive's list is the creation of one of these indexes, or needs it to be there.

    >>> waits_for_one_of("3501; 1259 16480 INDEX public chunks_embedding_idx rag_owner", {"chunks_embedding_idx"})
    True
    >>> waits_for_one_of("3502; 2606 16470 CONSTRAINT public chunks chunks_pkey rag_owner", {"chunks_embedding_idx"})
    False
    """
    match = OF_INDEX.match(line)
    return match is not None and match["name"] in names


def maintenance_memory_bytes(facts: Facts) -> int:
    """Memory in which the largest vector index can be built: beyond it the build is several times slower."""
    largest = max((table.vector_index_bytes or 0 for table in facts.tables.values()), default=0)
    host = int(facts.host.get("memory_bytes", "0")) * MEMORY_SHARE
    wanted = largest * MEMORY_PER_INDEX
    return int(max(SMALLEST_MEMORY_BYTES, min(wanted, host) if host else wanted))
