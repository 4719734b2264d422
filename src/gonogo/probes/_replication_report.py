"""What an application reports of its replication, and what the primary itself says: read and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable
from gonogo.stacks.exchange import Answer, select

if TYPE_CHECKING:
    from gonogo.spec.contract import ReplicationSpec
    from gonogo.stacks.interfaces import PostgresServer

PRIMARY_WORDS = frozenset({"primary", "master", "leader", "source"})
OF_THE_SERVER, OF_A_STANDBY = ("role",), ("name", "state", "lag_bytes", "lag_seconds", "heartbeat_age")
FIELDS = (*OF_THE_SERVER, *OF_A_STANDBY)
NO_STANDBY = "(no standby is listed)"
READ_SECONDS = 10.0
TRUTH = """
SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8
FROM pg_stat_replication WHERE application_name = ANY (CAST(:standbys AS text[]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One standby as the application reports it; None for what it does not say."""

    name: str
    state: str | None = None
    lag_bytes: float | None = None
    lag_seconds: float | None = None
    heartbeat_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An answered report. `missing` names the required fields that it has not, and why."""

    role: str | None
    standbys: Mapping[str, Reported]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A standby as the primary knows it."""

    state: str
    lag_bytes: float


def truth_of(primary: PostgresServer, standbys: Iterable[str]) -> dict[str, Known]:
    """The connected ones of these standbys. Raises NotMeasurable."""
    from gonogo.pg.reading import read_rows, reading  # noqa: PLC0415 - listing and planning need no database driver

    with reading(primary.dsn(), seconds=READ_SECONDS) as connection:
        rows = read_rows(connection, TRUTH, {"standbys": list(standbys)}).rows
    return {str(name): Known(state=str(state), lag_bytes=_number(lag) or 0.0) for name, state, lag in rows}


def report_of(spec: ReplicationSpec, answer: Answer, fields: Iterable[str]) -> Report:
    """What an answer says. Raises NotMeasurable where it is no JSON."""
    body, wanted = answer.json(), tuple(fields)
    missing: dict[str, None] = {}
    role = _picked(spec.role, body, answer, "role", missing)
    entries = _entries(spec, body, answer, missing)
    found = [_reported(spec, entry, answer, missing) for entry in entries]
    if not entries:
        missing |= {f"{field} {NO_STANDBY}": None for field in OF_A_STANDBY}
    return Report(
        role=None if role is None else str(role),
        standbys={one.name: one for one in found},
        missing=tuple(one for one in missing if one.partition(" ")[0] in {*wanted, "standbys"}),
    )


def disagreements(
    spec: ReplicationSpec, report: Report, before: Mapping[str, Known], after: Mapping[str, Known], tolerance: float
) -> tuple[str, ...]:
    """Where a report contradicts the primary, which was asked before and after it."""
    found: list[str] = []
    if report.role is not None and report.role.casefold() not in PRIMARY_WORDS:
        found.append(f"role is {report.role!r}, and the server is the primary")
    for name, one in report.standbys.items():
        if one.state in spec.well and name not in before and name not in after:
            found.append(f"{name} is {one.state!r}, and the primary has no such standby")
    for name in before.keys() & after.keys():
        if name not in report.standbys:
            found.append(f"{name} is not listed, and it is connected")
            continue
        lag = report.standbys[name].lag_bytes
        low, high = sorted((before[name].lag_bytes, after[name].lag_bytes))
        if lag is not None and not low - tolerance <= lag <= high + tolerance:
            found.append(f"lag_bytes of {name} is {lag:.0f}, and it has not replayed {low:.0f} to {high:.0f}")
    return tuple(found)


def compared(report: Report, before: Mapping[str, Known], after: Mapping[str, Known]) -> int:
    """How many of a report's words `disagreements` holds against the primary's."""
    known = before.keys() & after.keys()
    lags = sum(name in report.standbys and report.standbys[name].lag_bytes is not None for name in known)
    return (report.role is not None) + len(known | report.standbys.keys()) + lags


def _entries(spec: ReplicationSpec, body: Any, answer: Answer, missing: dict[str, None]) -> list[Any]:
    if spec.standbys is None:
        missing["standbys (the contract names no path)"] = None
        return []
    try:
        return select(spec.standbys, body, answer.request)
    except NotMeasurable:
        missing["standbys"] = None
        return []


def _reported(spec: ReplicationSpec, entry: Any, answer: Answer, missing: dict[str, None]) -> Reported:
    values = {name: _picked(spec.standby.get(name), entry, answer, name, missing) for name in OF_A_STANDBY}
    return Reported(
        name=str(values["name"]),
        state=None if values["state"] is None else str(values["state"]),
        lag_bytes=_number(values["lag_bytes"]),
        lag_seconds=_number(values["lag_seconds"]),
        heartbeat_age=_number(values["heartbeat_age"]),
    )


def _picked(path: str | None, data: Any, answer: Answer, name: str, missing: dict[str, None]) -> Any:
    """What a path selects; None, and noted as missing, where that is nothing."""
    if path is None:
        missing[f"{name} (the contract names no path)"] = None
        return None
    try:
        found = select(path, data, answer.request)
    except NotMeasurable:
        found = []
    if not found or found[0] is None:
        missing[name] = None
        return None
    return found[0]


def _number(value: Any) -> float | None:
    """A number that may be written as text.

    >>> _number("12.5"), _number(3), _number(None), _number("soon")
    (12.5, 3.0, None, None)
    """
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
