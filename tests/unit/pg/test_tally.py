"""Counting a ledger, with literals."""

from __future__ import annotations

import pytest

from gonogo.pg.tally import Entry, Fate, longest_silence, tally


def entry(stream: int, number: int, at: float, fate: Fate = Fate.ACKNOWLEDGED) -> Entry:
    return Entry(stream=stream, number=number, sent_at=at - 0.001, ended_at=at, fate=fate)


ENTRIES = [
    entry(0, 1, 1.0),
    entry(1, 1, 1.1),
    entry(0, 2, 2.0),
    entry(1, 2, 2.1),
    entry(0, 3, 3.0),
    entry(1, 3, 3.1, Fate.INDETERMINATE),
    entry(0, 4, 4.0, Fate.REFUSED),
]


def test_nothing_is_lost_when_every_acknowledged_row_is_there() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)})

    assert (count.acknowledged, count.survivors, count.lost, count.holes) == (5, 5, 0, 0)
    assert (count.recovered, count.unexpected, count.indeterminate, count.refused) == (0, 0, 1, 1)
    assert count.rpo_seconds(99.0) == 0.0


def test_an_unanswered_write_that_is_there_is_recovered_and_no_loss_when_it_is_not() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)})

    assert (count.recovered, count.lost, count.unexpected) == (1, 0, 0)


def test_a_lost_tail_is_loss_without_holes_and_the_rpo_reaches_back_to_the_newest_survivor() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (1, 1)})

    assert (count.lost, count.holes) == (2, 0)
    assert count.newest_survivor_acknowledged_at == 2.0
    assert count.rpo_seconds(3.5) == 1.5


def test_a_lost_row_before_a_survivor_of_its_stream_is_a_hole() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 3), (1, 1), (1, 2)})

    assert (count.lost, count.holes) == (1, 1)


def test_a_survivor_of_another_stream_makes_no_hole() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (0, 3), (1, 1)})

    assert (count.lost, count.holes) == (1, 0)


def test_a_lost_row_before_an_unacknowledged_survivor_of_its_stream_is_a_hole() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (0, 3), (1, 1), (1, 3)})

    assert (count.lost, count.holes, count.recovered) == (1, 1, 1)


def test_rows_that_were_refused_or_never_sent_are_unexpected() -> None:
    count = tally(ENTRIES, {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (0, 4), (7, 1)})

    assert count.unexpected == 2
    assert count.lost == 0


def test_until_limits_what_has_to_be_there() -> None:
    count = tally(ENTRIES, {(0, 1), (1, 1)}, until=1.5)

    assert (count.acknowledged, count.lost) == (2, 0)


def test_writers_that_go_on_after_the_disaster_make_no_holes_and_do_not_shorten_the_rpo() -> None:
    went_on = [*ENTRIES, entry(0, 5, 9.0), entry(1, 4, 9.1)]
    there = {(0, 1), (1, 1), (0, 5), (1, 4)}

    count = tally(went_on, there, disaster_at=5.0)

    assert (count.acknowledged, count.lost, count.holes) == (7, 3, 0)
    assert count.newest_survivor_acknowledged_at == 1.1
    assert count.rpo_seconds(5.0) == pytest.approx(3.9)
    assert tally(went_on, there).holes == 3


def test_a_row_lost_in_the_middle_after_the_disaster_is_a_hole() -> None:
    went_on = [*ENTRIES, entry(0, 5, 9.0), entry(0, 6, 9.2)]

    count = tally(went_on, {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (0, 6)}, disaster_at=5.0)

    assert (count.lost, count.holes) == (1, 1)


def test_where_nothing_survived_the_rpo_is_the_age_of_the_ledger() -> None:
    count = tally(ENTRIES, set())

    assert count.lost == 5
    assert count.rpo_seconds(5.0) == pytest.approx(5.0 - 0.999)


@pytest.mark.parametrize(
    ("instants", "expected"),
    [
        ([1.0, 2.0, 7.0, 8.0], (2.0, 7.0)),
        ([1.0, 2.0], (2.0, 9.0)),  # silent until the end
        ([], (2.5, 9.0)),
        ([1.0, 2.0, 2.6, 2.7, 9.0], (2.7, 9.0)),
        ([0.0, 2.4, 2.6, 2.7, 2.8, 8.9], (2.8, 8.9)),  # what was silent before does not count
    ],
)
def test_the_longest_silence_ends_after_the_fault(instants: list[float], expected: tuple[float, float]) -> None:
    assert longest_silence(instants, after=2.5, until=9.0) == expected
