"""Plain SQL: what was examined and what violates, or the values of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.interfaces import PostgresServer, Role, Stack

if TYPE_CHECKING:
    from gonogo.pg.reading import Rows
    from gonogo.stacks.context import Context

EACH_STANDBY = "each_standby"
SUBJECT, SAMPLES = "subject", "n"  # columns of `value` that are no observations themselves
HOLDS_ROLE = "SELECT pg_has_role(:requires, 'USAGE'), current_user::text"
EVIDENCE_ROWS = 200
EVIDENCE_CHARACTERS = 200

Unit = Literal["s", "B", "1", "1/s", "count", ""]


class SqlParameters(Spec):
    """Either `examined` and `violations`, or `value`.

    `examined` counts the things that were looked at, `violations` returns a row for each that is wrong: its name first,
    then why. `value` returns one row whose columns are observations, or several rows told apart by a column `subject`;
    a column `n` says how many samples stand behind a row.

    Statements may use :tables, :tenant_tables and :tenant_columns, :vector_tables, :vector_columns, :vector_indexes and
    :vector_rows (arrays of text, side by side; rows are the present number or the declared production size, whichever
    is larger), :index_tables and :index_columns (the declared indexes, the columns of each separated by commas),
    :standbys and :synchronous_standbys (as declared), :application_role and :owner_role, and by the names of
    `variables` the texts of the application's own environment variables, as the stack file sets them.
    """

    examined: str | None = None
    violations: str | None = None
    value: str | None = None
    units: dict[str, Unit] = Field(default_factory=dict)
    variables: dict[str, str] = Field(default_factory=dict)  # name in SQL -> environment variable
    role: Role = Role.ADMIN
    on: str | None = None  # service, service/standby or each_standby; default: the server that is primary now
    requires: str | None = None  # a role such as pg_read_all_stats, without which the server hides what is asked for
    session: Literal["guarded", "plain"] = "guarded"  # plain: with the timeouts that the role's own sessions have
    timeout: Seconds = 20.0

    @model_validator(mode="after")
    def _one_form(self) -> SqlParameters:
        given = tuple(name for name in ("examined", "violations", "value") if getattr(self, name) is not None)
        if given not in {("examined", "violations"), ("value",)}:
            found = " and ".join(given) or "neither"
            raise ValueError(f"either examined and violations, or value is needed; found {found}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server to ask; `prefix` tells its subjects apart from those of others."""

    server: PostgresServer
    prefix: str = ""


class SqlProbe:
    """A probe."""

    parameters = SqlParameters
    needs = frozenset({Capability.SQL})

    def observe(self, context: Context, parameters: SqlParameters) -> Iterable[Observation]:
        """The values, or the violations, of every server that is asked. Raises NotMeasurable."""
        places = _places(context, parameters.on)
        if parameters.value is not None:
            for place in places:
                yield from _values(context, parameters, place)
            return
        found = [_violations(context, parameters, place) for place in places]
        examined = sum(count for count, _ in found)
        violations = tuple(entry for _, entries in found for entry in entries)
        text = "\n".join(
            [f"{parameters.violations}", f"{examined} examined, {len(violations)} violations", *violations]
        )
        evidence = context.recorder.artifact("violations.txt", text + "\n")
        yield Observation(name="violations", value=violations, n=examined, evidence=evidence)


PROBE = SqlProbe()


def _places(context: Context, on: str | None) -> list[Place]:
    if on != EACH_STANDBY:
        return [Place(server=context.stack.postgres(on))]
    standbys = context.stack.postgres().standbys
    if not standbys:
        raise NotMeasurable("the primary has no standby to ask")
    return [Place(server=server, prefix=name) for name, server in standbys.items()]


def _violations(context: Context, parameters: SqlParameters, place: Place) -> tuple[int, list[str]]:
    """How many things were examined on a server, and those that are wrong."""
    examined, violations = _read(context, parameters, place, parameters.examined or "", parameters.violations or "")
    count = examined.rows[0][0] if len(examined.rows) == 1 and len(examined.columns) == 1 else None
    if not isinstance(count, int) or isinstance(count, bool):
        raise NotMeasurable("`examined` must give one number: how many things were looked at")
    if count < 1:
        raise NotMeasurable("there was nothing to examine")
    return count, [_prefixed(place, ": ".join(str(entry) for entry in row)) for row in violations.rows]


def _values(context: Context, parameters: SqlParameters, place: Place) -> Iterator[Observation]:
    (found,) = _read(context, parameters, place, parameters.value or "")
    if not found.rows:
        raise NotMeasurable("the statement gave no row, so nothing was measured")
    if len(found.rows) > 1 and SUBJECT not in found.columns:
        raise NotMeasurable(f"the statement gave {len(found.rows)} rows and no column {SUBJECT!r} to tell them apart")
    evidence = context.recorder.artifact(f"{place.prefix or 'value'}.txt", _table(parameters.value or "", found))
    for row in found.rows:
        named = dict(zip(found.columns, row, strict=True))
        subject, samples = named.pop(SUBJECT, ""), named.pop(SAMPLES, None)
        for name, value in named.items():
            yield Observation(
                name=name,
                value=value,
                subject=_prefixed(place, str(subject)),
                unit=parameters.units.get(name, ""),
                n=samples if isinstance(samples, int) else None,
                evidence=evidence,
            )


def _prefixed(place: Place, subject: str) -> str:
    return ": ".join(part for part in (place.prefix, subject) if part)


def _read(context: Context, parameters: SqlParameters, place: Place, *statements: str) -> list[Rows]:
    """The rows of the statements, all seen in one snapshot."""
    from gonogo.pg.catalog import with_parameters  # noqa: PLC0415 - listing and planning need no database driver
    from gonogo.pg.reading import read_rows, reading  # noqa: PLC0415 - as above

    known = _known(context, place.server) | {
        name: partial(_variable, context.stack, variable) for name, variable in parameters.variables.items()
    }
    used = {name for statement in statements for name in with_parameters(statement, known)[1]}
    values = {name: known[name]() for name in used}
    seconds = min(parameters.timeout, max(context.deadline.remaining_seconds, 0.1))
    with reading(
        place.server.dsn(parameters.role),
        seconds=seconds,
        guarded=parameters.session == "guarded",
        all_rows=parameters.role is not Role.APPLICATION,
    ) as connection:
        if parameters.requires:
            held = read_rows(connection, HOLDS_ROLE, {"requires": parameters.requires}).rows[0]
            if not held[0]:
                raise NotMeasurable(
                    f"{held[1]} does not have {parameters.requires}, so the server hides what is asked for"
                )
        return [read_rows(connection, statement, values) for statement in statements]


def _known(context: Context, server: PostgresServer) -> dict[str, Callable[[], Any]]:
    """The parameters that statements may use; each is looked up only when it is."""
    spec, facts = context.stack.spec, context.facts.tables
    declared = spec.data.tables
    # A table that was not found keeps its declared name: the server then says that it does not exist.
    names = {key: facts[key].name if key in facts else key for key in declared}
    tenant = [key for key, table in declared.items() if table.tenant]
    vector = [key for key, table in declared.items() if table.vector]
    standbys = (spec.services[spec.data.service].model_extra or {}).get("standbys") or {}
    return {
        "tables": lambda: list(names.values()),
        "tenant_tables": lambda: [names[key] for key in tenant],
        "tenant_columns": lambda: [declared[key].tenant for key in tenant],
        "vector_tables": lambda: [names[key] for key in vector],
        "vector_columns": lambda: [declared[key].vector for key in vector],
        "vector_indexes": lambda: [facts[key].vector_index if key in facts else None for key in vector],
        "vector_rows": lambda: [_rows_to_expect(context, key) for key in vector],
        "index_tables": lambda: [names[key] for key, table in declared.items() for _ in table.indexes],
        "index_columns": lambda: [",".join(columns) for table in declared.values() for columns in table.indexes],
        "standbys": lambda: list(standbys),
        "synchronous_standbys": lambda: [name for name, one in standbys.items() if (one or {}).get("synchronous")],
        "application_role": lambda: server.role_name(Role.APPLICATION),
        "owner_role": lambda: server.role_name(Role.OWNER),
    }


def _rows_to_expect(context: Context, key: str) -> int:
    """How many rows a table has or will have: what there is, or what production is declared to have if that is more.

    Raises NotMeasurable on a stack of our own making without that declaration: its data are a sample.
    """
    facts, declared = context.facts.tables, context.stack.spec.data.production_size
    if key not in declared and context.stack.runtime != "external":
        raise NotMeasurable(f"the stack file declares no production_size of {key}, and what is loaded here is a sample")
    return max(facts[key].rows if key in facts else 0, declared.get(key, 0))


def _variable(stack: Stack, variable: str) -> str:
    """An environment variable of the application. Raises NotMeasurable where the stack file does not set it."""
    service = stack.spec.services.get(stack.spec.contract.service)
    environment = (service.model_extra or {}).get("environment") or {} if service else {}
    told = stack.references.get(f"{stack.spec.contract.service}.environment.{variable}")  # by the Compose project
    if variable not in environment and told is not None:
        return told
    if variable not in environment:
        raise NotMeasurable(f"the stack file sets no {variable} in the application's environment")
    return stack.resolve(str(environment[variable]))


def _table(statement: str, found: Rows) -> str:
    """Statement and rows as evidence, not longer than people read."""
    lines = [statement.strip(), "", "\t".join(found.columns)]
    lines += ["\t".join(str(entry)[:EVIDENCE_CHARACTERS] for entry in row) for row in found.rows[:EVIDENCE_ROWS]]
    if len(found.rows) > EVIDENCE_ROWS:
        lines.append(f"and {len(found.rows) - EVIDENCE_ROWS} rows more")
    return "\n".join(lines) + "\n"
