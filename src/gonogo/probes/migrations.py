"""The migrations of the source tree against those that the database says were applied.

Files whose names are versions, or Alembic's revisions: what the source holds decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._alembic import APPLIED, Revisions, revisions_of
from gonogo.spec.base import Spec
from gonogo.stacks.interfaces import Role
from gonogo.stacks.sources import source_tree

if TYPE_CHECKING:
    from gonogo.stacks.context import Context


class MigrationsParameters(Spec):
    """Where migrations are; `version`: group 1, searched in a file's path, is what `applied` returns for it.

    `number`: group 1 is what puts them in order, and must not come twice. Where no file is one of `files`, Alembic's
    revisions are looked for: there two revisions of one name, and two heads, are what must not be.
    """

    files: tuple[str, ...] = ("migrations/*.sql",)
    version: str = r"([^/]+)\.sql$"
    number: str = r"(\d+)[^/]*$"
    applied: str = "SELECT version FROM schema_migrations"
    role: Role = Role.ADMIN


class MigrationsProbe:
    """A probe."""

    parameters = MigrationsParameters
    needs = frozenset({Capability.SOURCE, Capability.SQL})

    def observe(self, context: Context, parameters: MigrationsParameters) -> Iterable[Observation]:
        """`not_applied`, `unknown_to_the_code`, `repeated_numbers`. Raises NotMeasurable without migrations."""
        tree = source_tree(context.stack)
        paths = [file.path for file in tree.files(parameters.files)]
        if not paths and (revisions := revisions_of(tree)):
            yield from _of_alembic(revisions, _applied(context, parameters, APPLIED))
            return
        paths = [file.path for file in tree.some_files(parameters.files)]
        written = {match[1] for path in paths if (match := re.search(parameters.version, path))}
        if not written:
            raise NotMeasurable(f"`version` {parameters.version!r} finds nothing in {', '.join(paths[:3])}")
        numbers = Counter(match[1] for path in paths if (match := re.search(parameters.number, path)))
        repeated = tuple(number for number, count in numbers.items() if count > 1)
        yield from _compared(written, _applied(context, parameters, parameters.applied), repeated, len(numbers))


PROBE = MigrationsProbe()


def _of_alembic(revisions: Revisions, applied: set[str]) -> Iterator[Observation]:
    """The database names its last revisions only: it has all that come before them."""
    written = set(revisions.before)
    forks = revisions.heads if len(revisions.heads) > 1 else ()
    return _compared(written, revisions.up_to(applied), (*revisions.repeated, *forks), len(written))


def _compared(written: set[str], applied: set[str], repeated: tuple[str, ...], numbers: int) -> Iterator[Observation]:
    yield Observation(name="not_applied", value=tuple(sorted(written - applied)), n=len(written))
    yield Observation(name="unknown_to_the_code", value=tuple(sorted(applied - written)), n=len(written))
    yield Observation(name="repeated_numbers", value=repeated, n=numbers)


def _applied(context: Context, parameters: MigrationsParameters, statement: str) -> set[str]:
    from gonogo.pg.reading import read_rows, reading  # noqa: PLC0415 - listing and planning need no database driver

    dsn = context.stack.postgres().dsn(parameters.role)
    with reading(dsn, seconds=context.deadline.within(20).remaining_seconds) as connection:
        return {str(row[0]) for row in read_rows(connection, statement, {}).rows}
