"""The application's own search: which statement it sends, in which transaction, with which query vector."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, NotMeasurable
from gonogo.pg.sessions import Connection
from gonogo.pg.statements import POLL_SECONDS, Statement, StatementLog, statements_logged

OPERATOR = re.compile(r"<=>|<->|<#>|<\+>|<~>|<%>")
ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
TRANSACTION_ENDS = re.compile(r"^\s*(begin|start\s+transaction|commit|end|rollback|abort)\b", re.IGNORECASE)
SETS_SOMETHING = re.compile(r"^\s*(set\s|select\s+(pg_catalog\.)?set_config\s*\()", re.IGNORECASE)
BEGINS = re.compile(r"^\s*(begin|start\s+transaction)\b", re.IGNORECASE)
RESETS = re.compile(r"^\s*(discard\s+all|reset\s+all)\b", re.IGNORECASE)
CLEANS_UP = re.compile(r"^\s*(reset|discard)\b", re.IGNORECASE)
LOCAL = re.compile(r"^\s*set\s+local\b|,\s*(?:true|'(?:t|true|on|1)'|\$(?P<flag>\d+))(?:::\w+)?\s*\)", re.IGNORECASE)
TRUTHS = {"t", "true", "on", "1", "yes"}
VECTOR_TEXT = re.compile(r"\[\s*-?[\d.][^\[\]']*\]|\{\s*-?[\d.][-+.\deE,\s]*\}")  # as a vector or as an array
FLUSH_SECONDS = 4.0
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A search as the application sent it.

    `prelude`: what it had set in the same transaction before; `lasting`: what it had set on the session before that;
    `aftermath`: what it set or reset when the transaction had ended, before the session's next one.
    """

    statement: str
    parameters: tuple[str | None, ...]
    role: str
    operator: str
    prelude: tuple[Statement, ...] = ()
    lasting: tuple[Statement, ...] = ()
    aftermath: tuple[Statement, ...] = ()

    @property
    def vector(self) -> str | None:
        """The query vector as the application wrote it, [1,2] or {1,2}; None where the statement holds none to be read.

        Lists of keys and subscripts look alike, but are shorter or of whole numbers.
        """
        texts = (*(parameter for parameter in self.parameters if parameter), self.statement)
        found = (match[0] for text in texts for match in VECTOR_TEXT.finditer(text))
        return max(found, key=lambda one: (one.count("."), len(one)), default=None)


def capture(
    connection: Connection,
    *,
    role: str,
    table: str | None,
    act: Sequence[Callable[[], None]],
    deadline: Deadline,
    linger_seconds: float = 0.0,
) -> list[Captured]:
    """Do each thing of `act` (issue a search through the application) and return the search that it led to.

    `connection` is a superuser's. Only statements of `role` that mention `table` and order by a distance count. When
    others search at the same moment, the thing is done again until only its own search is left. One capture at a time,
    please: the caller holds a lock. `linger_seconds`: how long to wait for what follows a search. Raises NotMeasurable
    when no such statement appears.
    """
    with statements_logged(connection, deadline):
        seen_during = partial(
            _searches_during, connection, role=role, table=table, deadline=deadline, linger_seconds=linger_seconds
        )
        return [_one(partial(seen_during, once), role, table) for once in act]


def _one(seen_during: Callable[[], list[Captured]], role: str, table: str | None) -> Captured:
    common: dict[tuple[str, Hashable], Captured] | None = None
    for _ in range(TRIES):
        # By its vector: how many hits are asked for may differ from try to try.
        seen: dict[tuple[str, Hashable], Captured] = {
            (found.statement, found.vector or found.parameters): found for found in seen_during()
        }
        common = seen if common is None else {key: found for key, found in common.items() if key in seen}
        if len(common) == 1:
            return next(iter(common.values()))
    if not common:
        about = f" about {table}" if table else ""
        raise NotMeasurable(f"the log shows no statement of {role}{about} that orders by a vector distance")
    raise NotMeasurable("others search all the time: which statement is the captured one cannot be told")


def _searches_during(
    connection: Connection,
    act: Callable[[], None],
    *,
    role: str,
    table: str | None,
    deadline: Deadline,
    linger_seconds: float,
) -> list[Captured]:
    log = StatementLog(connection)
    act()
    statements: list[Statement] = []
    found: list[Captured] = []

    def arrived() -> bool:
        statements.extend(one for one in log.read() if one.role == role)
        found[:] = searches(statements, table)
        return bool(found)

    try:
        deadline.within(FLUSH_SECONDS).poll(arrived, every_seconds=POLL_SECONDS, what="the search reaches the log")
    except DeadlineExceeded:
        deadline.check("the search reaches the log")
    if linger_seconds and found:
        deadline.sleep(linger_seconds)
        arrived()
    return found


def searches(statements: Sequence[Statement], table: str | None) -> list[Captured]:
    """The nearest-neighbour searches among the logged statements of one role."""
    found = []
    for index, one in enumerate(statements):
        operator = OPERATOR.search(one.statement)
        if operator is None or not ORDERED.search(one.statement) or not _mentions(one.statement, table):
            continue
        found.append(
            Captured(
                statement=one.statement,
                parameters=one.parameters,
                role=one.role,
                operator=operator[0],
                prelude=prelude_of(statements[:index], one.session),
                lasting=lasting_of(statements[:index], one.session),
                aftermath=aftermath_of(statements[index + 1 :], one.session),
            )
        )
    return found


def prelude_of(earlier: Sequence[Statement], session: str) -> tuple[Statement, ...]:
    """What a session had set since its transaction began, in order."""
    prelude: list[Statement] = []
    for one in reversed([statement for statement in earlier if statement.session == session]):
        if TRANSACTION_ENDS.match(one.statement):
            break
        if SETS_SOMETHING.match(one.statement):
            prelude.append(one)
    return tuple(reversed(prelude))


def lasting_of(earlier: Sequence[Statement], session: str) -> tuple[Statement, ...]:
    """What a session had set for longer than one transaction before its present one began, in order."""
    own = [statement for statement in earlier if statement.session == session]
    began = max((index for index, one in enumerate(own) if TRANSACTION_ENDS.match(one.statement)), default=0)
    lasting: list[Statement] = []
    for one in own[:began]:
        if RESETS.match(one.statement):
            lasting.clear()
        elif SETS_SOMETHING.match(one.statement) and not is_local(one):
            lasting.append(one)
    return tuple(lasting)


def aftermath_of(later: Sequence[Statement], session: str) -> tuple[Statement, ...]:
    """What a session set or reset between the end of its transaction and the beginning of its next one, in order."""
    own = [statement for statement in later if statement.session == session]
    aftermath: list[Statement] = []
    for one in own:
        if BEGINS.match(one.statement) or OPERATOR.search(one.statement):
            break
        if CLEANS_UP.match(one.statement) or (SETS_SOMETHING.match(one.statement) and not is_local(one)):
            aftermath.append(one)
    return tuple(aftermath)


def is_local(one: Statement) -> bool:
    """Whether a setting ends with its transaction.

    >>> is_local(Statement(session="", role="", statement="SELECT set_config('a.b', $1, $2)", parameters=("x", "t")))
    True
    >>> is_local(Statement(session="", role="", statement="SET a.b = 'true'"))
    False
    """
    match = LOCAL.search(one.statement)
    if match is None:
        return False
    if match["flag"] is None:
        return True
    position = int(match["flag"]) - 1
    return position < len(one.parameters) and (one.parameters[position] or "").lower() in TRUTHS


def _mentions(statement: str, table: str | None) -> bool:
    name = (table or "").rpartition(".")[2].strip('"')
    return re.search(rf"\b{re.escape(name)}\b", statement) is not None
