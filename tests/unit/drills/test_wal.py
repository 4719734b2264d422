"""Which segments a recovery reads, by their names; and where WAL ends, by its pages."""

from __future__ import annotations

import struct

import pytest

from gonogo.drills.given.target import target_of
from gonogo.drills.given.wal import PAGE, Piece, continues_beyond, goes_on, history_of, piece_of, way_of

SIZE = 2**20
START = (3 * SIZE + 40, 1)


def pieces(*names: str) -> list[Piece]:
    found = [piece_of(name, SIZE) for name in names]
    return [one for one in found if one is not None]


def name(timeline: int, number: int, rest: str = "") -> str:
    return f"{timeline:08X}{0:08X}{number:08X}{rest}"


def test_of_each_segment_the_newest_timeline_is_read_and_what_is_finished() -> None:
    past = history_of(f"1\t0/{5 * SIZE + 8:X}\tno recovery target specified\n")
    there = pieces(
        name(1, 2), name(1, 3), name(1, 4), name(1, 5, ".partial"), name(2, 5), name(2, 6), name(2, 6, ".partial"),
        name(1, 6), name(3, 9), "archive_status", name(1, 3) + ".00000028.backup",
    )  # fmt: skip
    way = way_of(START, 2, past, there, SIZE)
    assert [one.file for one in way.pieces] == [name(1, 3), name(1, 4), name(2, 5), name(2, 6)]
    assert way.hole == ""


def test_an_unfinished_segment_before_others_is_a_hole() -> None:
    way = way_of(START, 1, [], pieces(name(1, 3), name(1, 4, ".gz.partial"), name(1, 5)), SIZE)
    assert [one.number for one in way.pieces] == [3]
    assert way.hole == name(1, 4)


def page(address: int, body: bytes, *, rest: int = 0) -> bytes:
    header = struct.pack("<HHIQI4x", 0xD118, 1 if rest else 0, 1, address, rest)
    return (header + body).ljust(PAGE, b"\0")


def record(length: int, before: int) -> bytes:
    return struct.pack("<IIQ", length, 7, before).ljust(length, b"x")


@pytest.mark.parametrize(
    ("body", "second", "damaged"),
    [
        (record(64, 8), b"", False),  # torn: nothing after it
        (b"", b"", False),
        (record(64, 8) + record(64, 88), b"", True),
        (record(64, 8), page(PAGE, b""), True),
        (record(9000, 8)[: PAGE - 24], page(PAGE, b"x" * 60, rest=9000 - PAGE + 24), False),
        (record(9000, 8)[: PAGE - 24], page(PAGE, b"x" * 60, rest=7), True),
        (b"", page(5 * PAGE, b"an old one"), False),
    ],
)
def test_wal_goes_on_after_damage_and_not_after_its_end(body: bytes, second: bytes, damaged: bool) -> None:
    content = (page(0, body) + second).ljust(4 * PAGE, b"\0")
    assert goes_on(content, 24, 0) is damaged


def test_a_record_that_goes_on_in_the_next_segment() -> None:
    content = page(0, b"x" * (PAGE - 24 - 32) + record(100, 8)[:32])
    assert continues_beyond(content, PAGE - 32, 0)
    assert continues_beyond(content, PAGE - 8, 0)
    assert not continues_beyond(page(0, b""), 24, 0)


@pytest.mark.parametrize("text", ["2026-11-30 12:00:00", "time:noon", "lsn:1", "xid:x", "name:"])
def test_a_moment_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|no time|no LSN|no number|bytes"):
        target_of(text)
