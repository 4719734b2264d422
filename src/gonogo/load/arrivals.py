"""When requests are due: an open model, in which answers never hold the next request back."""

from __future__ import annotations

import random
from collections.abc import Iterator


def arrival_times(*, rate: float, seconds: float, spacing: str, seed: int) -> Iterator[float]:
    """Seconds from the start at which requests are due, up to `seconds`; the same for the same seed.

    `even`: one every 1/rate seconds. `poisson`: independent arrivals, which come in bursts as those of many people do.

    >>> list(arrival_times(rate=4, seconds=1, spacing="even", seed=1))
    [0.0, 0.25, 0.5, 0.75]
    >>> [round(at, 2) for at in arrival_times(rate=4, seconds=1, spacing="poisson", seed=1)]
    [0.04, 0.51, 0.87, 0.94]
    """
    chance = random.Random(seed)  # noqa: S311 - traffic, not cryptography
    number, at = 0, 0.0 if spacing == "even" else chance.expovariate(rate)
    while at < seconds:
        yield at
        number += 1
        at = number / rate if spacing == "even" else at + chance.expovariate(rate)
