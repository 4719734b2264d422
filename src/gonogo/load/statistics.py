"""Statistics of samples: exact percentiles and rates, each with an interval that assumes no distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gonogo.core.errors import NotMeasurable

CONFIDENCE = 0.95
BISECTIONS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value over `n` samples with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def percentile(values: Sequence[float], share: float) -> Estimate:
    """The value that `share` of the samples do not exceed (nearest rank), with an interval of order statistics.

    Raises NotMeasurable under as many samples as an upper bound takes: 72 for p95, 368 for p99.

    >>> percentile([float(number) for number in range(1, 101)], 0.5)
    Estimate(value=50.0, low=40.0, high=61.0, n=100)
    """
    needed = samples_needed(share)
    if len(values) < needed:
        raise NotMeasurable(f"p{100 * share:g} needs {needed} samples, there are {len(values)}")
    ordered = sorted(values)
    low, high = interval_ranks(len(ordered), share)
    rank = max(1, math.ceil(share * len(ordered) - 1e-9))
    return Estimate(value=ordered[rank - 1], low=ordered[low - 1], high=ordered[high - 1], n=len(ordered))


def samples_needed(share: float) -> int:
    """How many samples it takes until the largest of them is an upper bound of a percentile.

    >>> samples_needed(0.5), samples_needed(0.95), samples_needed(0.99)
    (6, 72, 368)
    """
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(share))


def interval_ranks(n: int, share: float) -> tuple[int, int]:
    """Ranks (from 1) of the two samples between which a percentile lies, with 95 % confidence.

    How many of n samples lie below the true percentile is binomial, whatever their distribution.

    >>> interval_ranks(3000, 0.99)
    (2959, 2981)
    """
    tail = (1 - CONFIDENCE) / 2
    below, low, high = 0.0, 0, n
    for successes in range(n + 1):
        below += _binomial(n, successes, share)
        if below <= tail:
            low = successes + 1
        if below >= 1 - tail:
            high = successes + 1
            break
    return max(1, low), min(n, high)


def proportion(hits: int, n: int) -> Estimate:
    """A share with its exact (Clopper-Pearson) interval. Raises NotMeasurable of nothing.

    >>> [round(bound, 4) for bound in (proportion(0, 375).high, proportion(1, 600).high, proportion(50, 100).low)]
    [0.0098, 0.0093, 0.3983]
    """
    if n == 0:
        raise NotMeasurable("there are no samples")
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if hits == 0 else _solve(lambda share: 1 - _at_most(n, hits - 1, share), tail)
    high = 1.0 if hits == n else _solve(lambda share: -_at_most(n, hits, share), -tail)
    return Estimate(value=hits / n, low=low, high=high, n=n)


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises on [0, 1] reaches a value."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _at_most(n: int, successes: int, share: float) -> float:
    return math.fsum(_binomial(n, number, share) for number in range(successes + 1))


def _binomial(n: int, successes: int, share: float) -> float:
    """The probability of exactly so many successes; in logarithms, which also holds for many samples."""
    if share in {0.0, 1.0}:
        return float(successes == n * share)
    ways = math.lgamma(n + 1) - math.lgamma(successes + 1) - math.lgamma(n - successes + 1)
    return math.exp(ways + successes * math.log(share) + (n - successes) * math.log1p(-share))
