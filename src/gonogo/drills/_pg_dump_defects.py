"""Ways in which dumps go wrong, on purpose: the drill has to notice each. Each gives the broken artefact."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.drills import Artefact
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import Role

if TYPE_CHECKING:
    from gonogo.drills.pg_dump import DumpParameters

Defect = Callable[[Context, Artefact, "DumpParameters"], Artefact]

VECTOR_VALUE = re.compile(rb"\[-?0\.0*(?P<digit>[1-9])\d+,-?\d")
VECTOR_INDEX = re.compile(rb"CREATE INDEX [^;]* USING (?:hnsw|ivfflat) [^;]*;")
GRAPH_SIZE = re.compile(rb"m='(?P<m>\d+)', ef_construction='(?P<ef>\d+)'")
ROW_SECURITY = re.compile(rb"ALTER TABLE [\w.\"]+ ENABLE ROW LEVEL SECURITY;")
NOTHING = b"SELECT 1;"
SOME_ROW = 5  # early enough to be in the dump, with rows after it


def truncated_at_60_percent(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """The disk was full, or the copy was cut; the archive's list at the front is whole."""
    with artefact.path.open("r+b") as file:
        file.truncate(artefact.size_bytes * 60 // 100)
    return replace(artefact, size_bytes=artefact.path.stat().st_size)


def empty(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """The tool never ran, the shell had created its output."""
    artefact.path.write_bytes(b"")
    return replace(artefact, size_bytes=0)


def cut_between_rows(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """Plain SQL that ends after a whole row: psql restores what there is and exits with 0."""
    content = artefact.path.read_bytes()
    middle = content.index(b"\n", len(content) // 2) + 1
    artefact.path.write_bytes(content[:middle])
    return replace(artefact, size_bytes=middle)


def somebody_elses_database(context: Context, artefact: Artefact, parameters: DumpParameters) -> Artefact:
    """A good dump of the server's maintenance database."""
    return _again(context, artefact, parameters, "--dbname=postgres")


def dumped_under_row_security(context: Context, artefact: Artefact, parameters: DumpParameters) -> Artefact:
    """Dumped by the owner, whom FORCE binds: exit code 0, every table there, no rows in those with policies."""
    owner = context.stack.postgres(parameters.service).role_name(Role.OWNER)
    flags = (f"--role={owner}", "--enable-row-security", "--exclude-schema=gonogo_ledger_*")
    return _again(context, artefact, parameters, *flags)


def of_another_day(context: Context, artefact: Artefact, parameters: DumpParameters) -> Artefact:
    """Tonight's dump failed and yesterday's is still there: whole, and without what was written since."""
    return _again(context, artefact, parameters, "--exclude-schema=gonogo_ledger_*")


def one_vector_bit_flipped(context: Context, artefact: Artefact, parameters: DumpParameters) -> Artefact:
    """One bit of one vector in an uncompressed dump: it restores with exit code 0."""
    plain = _again(context, artefact, parameters.model_copy(update={"compression": "none"}))
    content = bytearray(plain.path.read_bytes())
    found = VECTOR_VALUE.search(content, len(content) // 2) or VECTOR_VALUE.search(content)
    if found is None:
        raise NotMeasurable("the dump holds no vector to flip a bit of")
    content[found.start("digit")] ^= 1
    plain.path.write_bytes(content)
    return plain


def index_missing(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """The vector index is not in the archive: made by hand once, and lost in a rebuild."""
    return _edited(artefact, VECTOR_INDEX, lambda match: NOTHING.ljust(len(match[0])))


def index_built_carelessly(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """The vector index comes back, but as a graph too sparse to find its way."""

    def sparse(match: re.Match[bytes]) -> bytes:
        return b"m='%b', ef_construction='%b'" % (b"2".zfill(len(match["m"])), b"4".zfill(len(match["ef"])))

    return _edited(artefact, GRAPH_SIZE, sparse)


def row_security_missing(_context: Context, artefact: Artefact, _parameters: DumpParameters) -> Artefact:
    """The policies are restored and nothing turns them on."""
    return _edited(artefact, ROW_SECURITY, lambda match: NOTHING.ljust(len(match[0])))


def ledger_row_missing(context: Context, artefact: Artefact, parameters: DumpParameters) -> Artefact:
    """An acknowledged row is not in the dump although later ones are."""
    ledger_row_missing_at_the_source(context, parameters.service)
    return _again(context, artefact, parameters)


def ledger_row_missing_at_the_source(context: Context, service: str | None) -> None:
    """Delete a row of the newest ledger. Raises NotMeasurable."""
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver
    from psycopg import sql  # noqa: PLC0415

    from gonogo.pg.sessions import session  # noqa: PLC0415

    find = r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'gonogo\_ledger\_%' ORDER BY oid DESC LIMIT 1"
    try:
        with session(context.stack.postgres(service).dsn()) as connection:
            row = connection.execute(find).fetchone()
            if row is None:
                raise NotMeasurable("there is no ledger to lose a row of")
            delete = sql.SQL("DELETE FROM {} WHERE number = %s").format(sql.Identifier(row[0], "entries"))
            connection.execute(delete, [SOME_ROW])
    except psycopg.Error as error:
        raise NotMeasurable(f"the ledger's row could not be removed: {error}") from error


def _again(context: Context, artefact: Artefact, parameters: DumpParameters, *flags: str) -> Artefact:
    """Dump once more in the place of the good one."""
    from gonogo.drills.pg_dump import dump  # noqa: PLC0415 - it names this module's defects

    return dump(context, parameters, context.stack.postgres(parameters.service), artefact.path, flags)


def _edited(artefact: Artefact, pattern: re.Pattern[bytes], by: Callable[[re.Match[bytes]], bytes]) -> Artefact:
    """Change statements in the archive's list, keeping every length: the offsets behind it stay true."""
    content, edits = pattern.subn(by, artefact.path.read_bytes())
    if not edits or len(content) != artefact.size_bytes:
        raise NotMeasurable(f"the dump holds nothing that looks like {pattern.pattern.decode()}")
    artefact.path.write_bytes(content)
    return artefact


DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (
        truncated_at_60_percent,
        empty,
        somebody_elses_database,
        dumped_under_row_security,
        of_another_day,
        one_vector_bit_flipped,
        index_missing,
        index_built_carelessly,
        row_security_missing,
        ledger_row_missing,
    )
}

PLAIN_DEFECTS = DEFECTS | {cut_between_rows.__name__: cut_between_rows}
