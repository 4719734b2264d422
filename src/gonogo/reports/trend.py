"""Trends of numbers over runs, and what has become worse by more than the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from gonogo.rundir.history import Entry, Measure

BARS = "▁▂▃▄▅▆▇█"
FEWEST = 5  # earlier runs, before anything is called worse
COMPARED = 10  # earlier runs
LEAST_SHARE = 0.1  # of the median: less than this nobody would act on
DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One number over the runs of one stack and runtime, oldest first. `usual`: the median of those before."""

    label: str
    unit: str
    values: tuple[float, ...]
    usual: float | None
    worse: bool

    @property
    def newest(self) -> float:
        """The last value."""
        return self.values[-1]

    @property
    def line(self) -> str:
        """The values as bars."""
        return sparkline(self.values)


def trends_of(entries: Sequence[Entry]) -> list[Trend]:
    """The trends of what the newest entry measured. `entries`: runs of one verification, newest first."""
    alike = alike_the_newest(entries)
    return [_trend(measure, alike) for measure in alike[0].measures] if alike else []


def alike_the_newest(entries: Sequence[Entry]) -> list[Entry]:
    """Those of the stack and runtime of the newest; numbers of others say nothing of its."""
    return [one for one in entries if (one.stack, one.past.runtime) == (entries[0].stack, entries[0].past.runtime)]


def _trend(measure: Measure, entries: Sequence[Entry]) -> Trend:
    values = [
        one.value
        for entry in reversed(entries)
        for one in entry.measures
        if (one.name, one.subject, one.unit) == (measure.name, measure.subject, measure.unit)
    ]
    *before, last = values
    return Trend(
        label=measure.label,
        unit=measure.unit,
        values=tuple(values),
        usual=median(before) if before else None,
        worse=has_worsened(before, last, measure.worse),
    )


def has_worsened(before: Sequence[float], last: float, worse: str) -> bool:
    """Whether the last value lies beyond the usual ones by more than their noise. `worse`: "up", "down", "" unknown.

    >>> has_worsened([10, 11, 10, 9, 10], 13, "up"), has_worsened([10, 11, 10, 9, 10], 10.9, "up")
    (True, False)
    >>> has_worsened([10, 11, 10, 9, 10], 7, "up"), has_worsened([10, 10], 99, "up")
    (False, False)
    """
    compared = before[-COMPARED:]
    if len(compared) < FEWEST or not worse:
        return False
    usual = median(compared)
    noise = median(abs(value - usual) for value in compared)
    distance = last - usual if worse == "up" else usual - last
    return distance > max(LEAST_SHARE * abs(usual), DEVIATIONS * noise)


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between the smallest and the largest.

    >>> sparkline([1, 2, 3]), sparkline([5, 5])
    ('▁▅█', '▅▅')
    """
    low, high = min(values), max(values)
    if low == high:
        return BARS[len(BARS) // 2] * len(values)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1))] for value in values)
