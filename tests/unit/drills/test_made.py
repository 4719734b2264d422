"""How old a backup is, as far as it tells: what cannot be told for certain is neither too old nor young enough."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.drills.given.made import CONTROL, Made, of_archive, of_files, of_last_change, of_line

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def made(earliest_h: float | None, latest_h: float | None) -> Made:
    """Made between so many hours ago."""
    ends = [None if hours is None else NOW - timedelta(hours=hours) for hours in (earliest_h, latest_h)]
    return Made(earliest=ends[0], latest=ends[1], said="it says so")


@pytest.mark.parametrize(
    ("told", "value_h"),
    [
        (made(3, 3), 3),
        (made(25, 25), 25),
        (made(20, -6), 20),  # of no known zone, and young enough in each
        (made(60, 34), 34),  # too old in each
        (made(30, 4), None),
        (made(None, 30), 30),
        (made(None, 2), None),  # copied today, made nobody knows when
        (made(3, None), 3),
        (made(30, None), None),
        (made(-0.01, -0.01), 0),  # clocks differ
        (made(-2, -2), None),
    ],
)
def test_it_is_too_old_only_where_that_is_certain(told: Made, value_h: float | None) -> None:
    found = told.age(NOW, DAY_S)
    assert found is not None
    assert found.value == (None if value_h is None else pytest.approx(value_h * HOUR_S))
    assert "it says so" in found.detail


def test_nobody_asks_for_its_age() -> None:
    assert made(None, 3).age(NOW, None) is None
    known = made(30, 4).age(NOW, None)
    assert known is not None
    assert known.value == 30 * HOUR_S
    later = made(5, 5).until_now()
    assert (later.earliest, later.latest) == (NOW - timedelta(hours=5), None)


def test_a_dump_does_not_tell_its_zone_and_a_script_may() -> None:
    listed = of_archive("; Archive created at 2026-12-01 10:00:00 CET\n")
    assert listed is not None
    assert listed.earliest == datetime(2026, 11, 30, 20, tzinfo=UTC)
    assert listed.latest == datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert of_archive(";     dbname: rag\n") is None
    assert of_archive("; Archive created at 2026-02-31 10:00:00 UTC\n") is None
    certain, not_certain = (
        of_line("-- Started on 2026-12-01 10:00:00 UTC"),
        of_line("-- Started on 2026-12-01 10:00:00 CET"),
    )
    assert certain is not None
    assert not_certain is not None
    assert certain.earliest == certain.latest == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert not_certain.earliest == listed.earliest
    assert of_line("-- Name: x; Type: TABLE") is None


def test_files_tell_by_their_control_file(tmp_path: Path) -> None:
    path = tmp_path / CONTROL
    path.parent.mkdir()
    path.write_bytes(struct.pack("=24sq", b"", int(NOW.timestamp())))
    told = of_files(tmp_path)
    assert told is not None
    assert told.earliest == told.latest == NOW
    for damaged in (b"short", struct.pack("=24sq", b"", 2**62)):
        path.write_bytes(damaged)
        assert of_files(tmp_path) is None
    path.unlink()
    assert of_files(tmp_path) is None


def test_files_hold_nothing_younger_than_their_last_change(tmp_path: Path) -> None:
    for name, hours in (("a", 9), ("b", 5)):
        (tmp_path / name).write_text("x")
        instant = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(tmp_path / name, (instant, instant))
    assert of_last_change(tmp_path).latest == NOW - timedelta(hours=5)
    assert of_last_change(tmp_path / "a").latest == NOW - timedelta(hours=9)
    assert of_last_change(tmp_path).earliest is None
