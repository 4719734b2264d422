"""Names and pages of WAL: which segments a recovery needs, which are missing, whether WAL goes on after its end.

Positions (LSN) are in bytes. Nothing here reads a file; `archive` does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gonogo.drills.given.label import Point, lsn_text

HEX8 = "[0-9A-F]{8}"
SEGMENT = re.compile(rf"^(?P<name>(?P<tli>{HEX8})(?P<high>{HEX8})(?P<low>{HEX8}))(?P<rest>[.\w]*)$")
HISTORY = re.compile(rf"^(?P<tli>{HEX8})\.history(?:\.(?:gz|zst|lz4))?$")
HISTORY_LINE = re.compile(r"^\s*(?P<tli>\d{1,10})\s+(?P<high>[0-9A-Fa-f]{1,8})/(?P<low>[0-9A-Fa-f]{1,8})")
COMPRESSED, PARTIAL = frozenset({"gz", "zst", "lz4"}), "partial"
PAGE = 8192
LONG_HEADER = struct.Struct("<HHIQIIQII")  # magic, info, timeline, address, rest, padding, system, segment, page
CONTINUED_HEADER = struct.Struct("<HHIQI")  # magic, info, timeline, address, rest of a record from the page before
RECORD = struct.Struct("<IIQ")  # whole length, transaction, the record before
PAGE_HEADER_BYTES, LONG_HEADER_BYTES = 24, 40
IS_CONTINUED, HAS_LONG_HEADER = 1, 2
LONGEST_RECORD = 2**30
PER_HIGH = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A segment, or the beginning of one, as it is kept: `file` is its name there."""

    timeline: int
    number: int
    file: str
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The pieces that a recovery reads, in order. `hole`: the first that is missing before others, "" for none."""

    timeline: int
    pieces: tuple[Piece, ...]
    hole: str = ""


def piece_of(file: str, segment_bytes: int) -> Piece | None:
    """What a file is by its name; None for what is no WAL.

    >>> piece_of("00000001000000000000000A.gz.partial", 16 * 2**20)
    Piece(timeline=1, number=10, file='00000001000000000000000A.gz.partial', partial=True)
    """
    match = SEGMENT.match(file)
    if match is None:
        return None
    rest = [part for part in match["rest"].split(".") if part]
    if any(part != PARTIAL and part not in COMPRESSED for part in rest):
        return None
    number = int(match["high"], 16) * (PER_HIGH // segment_bytes) + int(match["low"], 16)
    return Piece(timeline=int(match["tli"], 16), number=number, file=file, partial=PARTIAL in rest)


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """As PostgreSQL names it.

    >>> segment_name(1, 258, 16 * 2**20)
    '000000010000000100000002'
    """
    per_high = PER_HIGH // segment_bytes
    return f"{timeline:08X}{number // per_high:08X}{number % per_high:08X}"


def history_of(text: str) -> list[tuple[int, int]]:
    """The timelines before, and where each was left, the oldest first."""
    found = [HISTORY_LINE.match(line) for line in text.splitlines()]
    return [(int(one["tli"]), (int(one["high"], 16) << 32) + int(one["low"], 16)) for one in found if one]


def newest(start: Point, histories: Mapping[int, Sequence[tuple[int, int]]]) -> int:
    """The newest timeline that goes on from where the backup was made.

    >>> newest((100, 1), {2: [(1, 500)], 3: [(1, 50)], 4: [(1, 500), (2, 700)]})
    4
    """
    lsn, timeline = start
    return max((one for one, past in histories.items() if dict(past).get(timeline, 0) >= lsn), default=timeline)


def way_of(
    start: Point,
    timeline: int,
    past: Sequence[tuple[int, int]],
    pieces: Collection[Piece],
    segment_bytes: int,
) -> Way:
    """The pieces from where the backup begins to the end of a timeline; of each segment the newest timeline's."""
    first = start[0] // segment_bytes
    begins = {timeline: past[-1][1] if past else 0}
    begins.update({one: past[index - 1][1] if index else 0 for index, (one, _) in enumerate(past)})
    usable = [
        one
        for one in pieces
        if one.timeline in begins and one.number >= max(first, begins[one.timeline] // segment_bytes)
    ]
    usable.sort(key=lambda one: (one.number, one.timeline, not one.partial))
    best = {one.number: one for one in usable}
    last = max(best, default=first - 1)
    taken: list[Piece] = []
    for number in range(first, last + 1):
        piece = best.get(number)
        if piece is None or (piece.partial and number < last):
            at = next((one for one, left in past if number < left // segment_bytes), timeline)
            hole = segment_name(at, number, segment_bytes)
            return Way(timeline=timeline, pieces=tuple(taken), hole=hole)
        taken.append(piece)
    return Way(timeline=timeline, pieces=tuple(taken))


def header_flaw(content: bytes, piece: Piece, segment_bytes: int, system: int) -> str:
    """What is wrong with the first page of a segment, "" for nothing."""
    if len(content) < LONG_HEADER.size or not content.strip(b"\0"):
        return "it is empty"
    _, info, _, address, _, _, found, size, _ = LONG_HEADER.unpack_from(content)
    if not info & HAS_LONG_HEADER or size != segment_bytes:
        return "it does not begin as a segment does"
    if found != system:
        return f"it is of another cluster (system identifier {found} instead of {system})"
    if address != piece.number * segment_bytes:
        return f"it holds WAL from {lsn_text(address)} on, which is another segment's"
    return ""


def goes_on(content: bytes, end: int, first: int) -> bool:
    """Whether WAL goes on in a segment after replay ended, which it does after damage and not at its end.

    `content`: of the segment that begins at `first`. A record that was torn at the end may be there, and nothing more.
    """
    at, length = _record_at(content, end, first)
    page_end = (at // PAGE + 1) * PAGE
    if at + length <= page_end:
        return bool(content[at + length : page_end].strip(b"\0")) or _pages_after(content, page_end, first)
    rest = length - (page_end - at)
    if _is_page(content, page_end, first):
        _, info, _, _, announced = CONTINUED_HEADER.unpack_from(content, page_end)
        if not info & IS_CONTINUED or announced != rest:
            return True
    more = -(-rest // (PAGE - PAGE_HEADER_BYTES))
    return _pages_after(content, page_end + more * PAGE, first)


def _record_at(content: bytes, end: int, first: int) -> tuple[int, int]:
    """Where the record at a position begins, and its length; 0 where there is none that could be one."""
    at = end - first
    if at % PAGE == 0:
        at += PAGE_HEADER_BYTES if at else LONG_HEADER_BYTES
    if len(content) - at < RECORD.size:
        return at, 0
    length, _, before = RECORD.unpack_from(content, at)
    return at, length if length < LONGEST_RECORD and before < end else 0


def _pages_after(content: bytes, start: int, first: int) -> bool:
    return any(_is_page(content, at, first) for at in range(start, len(content) - PAGE + 1, PAGE))


def _is_page(content: bytes, at: int, first: int) -> bool:
    if at + PAGE > len(content):
        return False
    magic, _, _, address, _ = CONTINUED_HEADER.unpack_from(content, at)
    return bool(magic != 0 and address == first + at)


def continues_beyond(content: bytes, end: int, first: int) -> bool:
    """Whether the record where replay ended is one that goes on in the next segment."""
    at, length = _record_at(content, end, first)
    return len(content) - at < RECORD.size or at + length > len(content)
