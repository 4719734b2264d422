"""When a backup was made, as far as it tells: a job that has stopped leaves a backup that restores as well as ever."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gonogo.core.observation import Observation
from gonogo.core.quantity import format_seconds

CLOCKS_DIFFER = timedelta(minutes=5)  # between the hosts of one team
# A dump tells the time of day of the host that made it, and not of which zone.
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
CREATED = re.compile(r"^;\s+Archive created at (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
STARTED = re.compile(r"^-- Started on (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ?(?P<zone>\S*)")
CERTAIN = frozenset({"UTC", "GMT"})
CONTROL, UPDATED_AT = "global/pg_control", 24  # where the file says when it was written last, since PostgreSQL 8.3
NAME = "backup_age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Between which instants a backup was made; None where that end is open. `said`: by whom."""

    earliest: datetime | None
    latest: datetime | None
    said: str

    def until_now(self) -> Made:
        """The same with what came later: archived WAL goes on after the backup."""
        return Made(earliest=self.earliest, latest=None, said=f"{self.said}; its WAL may reach further")

    def age(self, now: datetime, limit_s: float | None) -> Observation | None:
        """How old it is at most, in seconds; where it is older than `limit_s` for certain, how old it is at least.

        A value of None where it cannot be told whether it is too old. None for a backup that nobody asks the age of,
        and that does not tell.
        """
        if limit_s is None and self.earliest is None:
            return None
        limit = None if limit_s is None else timedelta(seconds=limit_s)
        oldest = now - self.earliest if self.earliest else None
        youngest = max(now - self.latest, timedelta()) if self.latest else timedelta()
        if oldest is not None and oldest < -CLOCKS_DIFFER:
            return _age(None, f"{self.said}: that lies ahead, by this host's clock")
        if oldest is not None and (limit is None or oldest <= limit):
            return _age(oldest, self.said)
        if limit is not None and youngest > limit:
            return _age(youngest, self.said)
        most = f"at most {format_seconds(oldest.total_seconds())}" if oldest is not None else "or older"
        return _age(None, f"{self.said}: it is at least {format_seconds(youngest.total_seconds())} old, {most}")


def _age(age: timedelta | None, detail: str) -> Observation:
    value = None if age is None else max(0.0, age.total_seconds())
    return Observation(name=NAME, value=value, unit="s", n=1, detail=detail)


def of_archive(listing: str) -> Made | None:
    """By what `pg_restore --list` says.

    >>> of_archive(";\\n; Archive created at 2026-12-01 02:10:22 UTC\\n;     dbname: rag").earliest.isoformat()
    '2026-11-30T12:10:22+00:00'
    """
    match = CREATED.search(listing)
    return _told(match["time"], "", "the dump") if match else None


def of_line(line: str) -> Made | None:
    """By a comment that pg_dump --verbose writes into a script; None for any other line.

    >>> of_line("-- Started on 2026-12-01 02:10:22 UTC").latest.isoformat()
    '2026-12-01T02:10:22+00:00'
    """
    match = STARTED.match(line)
    return _told(match["time"], match["zone"], "the dump") if match else None


def of_files(data: Path) -> Made | None:
    """By the control file of restored files, before a server starts from them."""
    try:
        (seconds,) = struct.unpack_from("=q", (data / CONTROL).read_bytes(), UPDATED_AT)
        instant = datetime.fromtimestamp(seconds, UTC)
    except (struct.error, ValueError, OverflowError, OSError):  # what that means for the backup is seen elsewhere
        return None
    return Made(earliest=instant, latest=instant, said=f"its control file was written at {_text(instant)}")


def of_last_change(path: Path) -> Made:
    """By the file system: what was not changed since then holds nothing younger, and may be much older."""
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    latest = datetime.fromtimestamp(max((one.stat().st_mtime for one in files), default=0.0), UTC)
    said = f"the backup does not say when it was made, its files were changed last at {_text(latest)}"
    return Made(earliest=None, latest=latest, said=said)


def _told(text: str, zone: str, whose: str) -> Made | None:
    try:
        told = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:  # a day that no month has
        return None
    if zone in CERTAIN:
        return Made(earliest=told, latest=told, said=f"{whose} was made at {_text(told)}")
    said = f"{whose} was made at {text} of its host's clock, whose zone it does not tell"
    return Made(earliest=told - EAST, latest=told + WEST, said=said)


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC")
