"""The open model: when requests are due."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean, pstdev

from gonogo.load.arrivals import arrival_times


def poisson(seed: int) -> list[float]:
    return list(arrival_times(rate=50, seconds=200, spacing="poisson", seed=seed))


def test_even_arrivals_do_not_drift() -> None:
    times = list(arrival_times(rate=30, seconds=1000, spacing="even", seed=1))
    assert len(times) == 30_000
    assert times[-1] == 29_999 / 30


def test_poisson_arrivals_keep_the_rate_and_spread_as_independent_ones_do() -> None:
    times = poisson(1)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert abs(len(times) / 200 - 50) < 2
    assert abs(pstdev(gaps) / mean(gaps) - 1) < 0.05  # exponential: deviation equals mean
    assert all(0 <= at < 200 for at in times)


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert poisson(1) == poisson(1)
    assert poisson(1) != poisson(2)
