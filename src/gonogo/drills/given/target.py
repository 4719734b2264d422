"""The moment that a recovery from archived WAL is to come to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

LSN = re.compile(r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$")
KINDS = ("time", "lsn", "xid", "name")
LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """As the server names it; `moment` where it is a time."""

    kind: str
    value: str
    moment: datetime | None = None


def target_of(text: str) -> Target:
    """A time with its zone, an LSN, the number of a transaction, or the name of a restore point. Raises ValueError.

    >>> target_of("0/3000028"), target_of("before the migration").kind
    (Target(kind='lsn', value='0/3000028', moment=None), 'name')
    >>> target_of("2026-11-30 12:00:00+01:00").value
    '2026-11-30 11:00:00+00:00'
    >>> target_of("name:731").kind, target_of("731").kind
    ('name', 'xid')
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS:
        return _of_kind(kind, rest)
    if LSN.match(text):
        return _of_kind("lsn", text)
    if text.isascii() and text.isdecimal():
        return _of_kind("xid", text)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return _of_kind("name", text)
    return _of_kind("time", text)


def _of_kind(kind: str, value: str) -> Target:
    if kind == "time":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time such as 2026-11-30T12:00:00Z") from None
        if moment.tzinfo is None:
            raise ValueError(f"{value!r} is a time of no zone: write 2026-11-30T12:00:00Z or +01:00")
        moment = moment.astimezone(UTC)
        return Target(kind=kind, value=moment.isoformat(sep=" "), moment=moment)
    if kind == "lsn" and not LSN.match(value):
        raise ValueError(f"{value!r} is no LSN such as 0/3000028")
    if kind == "xid" and not (value.isascii() and value.isdecimal()):
        raise ValueError(f"{value!r} is no number of a transaction")
    if kind == "name" and not 0 < len(value.encode()) <= LONGEST_NAME:
        raise ValueError(f"the name of a restore point has 1 to {LONGEST_NAME} bytes")
    return Target(kind=kind, value=value)
