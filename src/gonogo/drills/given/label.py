"""What a base backup says of itself: where its WAL begins, on which timeline, and of which backup it is the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gonogo.drills import RestoreFailed, printable

STARTS = re.compile(r"^START WAL LOCATION: (?P<high>[0-9A-F]{1,8})/(?P<low>[0-9A-F]{1,8}) ", re.MULTILINE)
TIMELINE = re.compile(r"^START TIMELINE: (\d{1,10})$", re.MULTILINE)
FROM = re.compile(r"^INCREMENTAL FROM LSN: (?P<high>[0-9A-F]{1,8})/(?P<low>[0-9A-F]{1,8})$", re.MULTILINE)
FROM_TIMELINE = re.compile(r"^INCREMENTAL FROM TLI: (\d{1,10})$", re.MULTILINE)
TIME = re.compile(r"^START TIME: (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<zone>\S+)$", re.MULTILINE)
SYSTEM = re.compile(rb'"System-Identifier": (\d{1,20})')
SHIFT = 32
Point = tuple[int, int]  # an LSN on a timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Of a backup_label. `time` is None where its zone is none that this host knows for sure."""

    start: Point
    continues: Point | None = None  # where the backup begins of which this one is the rest
    time: datetime | None = None


def read_label(content: bytes, name: str) -> Label:
    """Read a backup_label. Raises RestoreFailed.

    >>> text = b"START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\\nSTART TIMELINE: 1\\n"
    >>> read_label(text, "monday").start
    (50331688, 1)
    """
    text = content.decode(errors="replace")
    starts, timeline = STARTS.search(text), TIMELINE.search(text)
    if not starts or not timeline:
        raise RestoreFailed(f"{printable(name)}: its backup_label does not say where its WAL begins")
    before, before_timeline, time = FROM.search(text), FROM_TIMELINE.search(text), TIME.search(text)
    return Label(
        start=(_lsn(starts), int(timeline[1])),
        continues=(_lsn(before), int(before_timeline[1])) if before and before_timeline else None,
        time=_time(time) if time else None,
    )


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it.

    >>> lsn_text(50331688)
    '0/3000028'
    """
    return f"{lsn >> SHIFT:X}/{lsn & 0xFFFFFFFF:X}"


def point_text(point: Point) -> str:
    """For people."""
    return f"{lsn_text(point[0])} on timeline {point[1]}"


def _lsn(match: re.Match[str]) -> int:
    return (int(match["high"], 16) << SHIFT) + int(match["low"], 16)


def _time(match: re.Match[str]) -> datetime | None:
    if match["zone"] not in {"UTC", "GMT"}:
        return None
    return datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
