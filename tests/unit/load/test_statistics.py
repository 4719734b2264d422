"""Percentiles and shares, against distributions whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.load.statistics import interval_ranks, percentile, proportion, samples_needed


def test_a_percentile_is_the_nearest_rank_of_the_sorted_samples() -> None:
    values = [float(number) for number in range(1000, 0, -1)]
    assert [percentile(values, share).value for share in (0.5, 0.95, 0.99)] == [500.0, 950.0, 990.0]


def test_the_interval_of_p95_covers_the_truth_in_95_of_100_runs_whatever_the_distribution() -> None:
    chance = random.Random(7)
    draws: list[tuple[Callable[[], float], float]] = [
        (chance.random, 0.95),
        (lambda: chance.expovariate(1.0), 2.995732),
        (lambda: chance.choice((1.0, 1.0, 1.0, 50.0)) + chance.random(), 50.8),  # a quarter is far away
    ]
    for draw, truth in draws:
        found = [percentile([draw() for _ in range(400)], 0.95) for _ in range(300)]
        covered = sum(one.low <= truth <= one.high for one in found) / len(found)
        assert 0.92 <= covered <= 1.0
        assert all(one.low < one.high for one in found)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_percentile_without_an_upper_bound_is_refused(share: float) -> None:
    enough = samples_needed(share)
    assert percentile([1.0] * enough, share).n == enough
    with pytest.raises(NotMeasurable, match=f"needs {enough} samples, there are {enough - 1}"):
        percentile([1.0] * (enough - 1), share)


def test_p99_of_under_a_hundred_samples_is_never_told() -> None:
    assert samples_needed(0.99) > 100


def test_ranks_stay_within_the_samples() -> None:
    assert interval_ranks(72, 0.95) == (64, 72)
    low, high = interval_ranks(20_000, 0.99)
    assert 0 < low < 19_800 < high <= 20_000


def test_no_errors_among_375_requests_prove_less_than_one_percent_and_among_360_do_not() -> None:
    assert proportion(0, 375).high < 0.01 < proportion(0, 360).high


def test_a_share_lies_within_its_interval_and_the_ends_are_closed() -> None:
    for hits, n in ((0, 10), (1, 10), (5, 10), (10, 10), (3, 3000)):
        found = proportion(hits, n)
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert proportion(0, 10).low == 0.0
    assert proportion(10, 10).high == 1.0


def test_the_interval_of_a_share_is_the_published_one() -> None:
    found = proportion(7, 50)  # Clopper and Pearson, 95 %: 0.0582 to 0.2674
    assert (round(found.low, 4), round(found.high, 4)) == (0.0582, 0.2674)


def test_a_share_of_nothing_is_not_measurable() -> None:
    with pytest.raises(NotMeasurable, match="no samples"):
        proportion(0, 0)
