"""A number is called worse when it lies beyond its own noise, on the same stack and runtime."""

from __future__ import annotations

from gonogo.core.plan import Past
from gonogo.reports.trend import trends_of
from gonogo.rundir.history import Entry, Measure


def entry(number: int, rto_s: float, *, runtime: str = "docker", worse: str = "up") -> Entry:
    past = Past(run_id=f"r{number}", at=f"2026-11-{number:02}T00:00:00+00:00", runtime=runtime, outcome="PASS")
    measure = Measure(name="rto", subject="", value=rto_s, unit="s", worse=worse)
    return Entry(past=past, id="d", stack="s", revision=None, measures=(measure,))


def newest_first(values: list[float], **options: str) -> list[Entry]:
    return [entry(number, value, **options) for number, value in enumerate(values, 1)][::-1]


def test_a_slower_restore_is_told_and_noise_is_not() -> None:
    (slower,) = trends_of(newest_first([10, 11, 10, 9, 10, 14]))
    assert (slower.worse, slower.usual, slower.newest, slower.values) == (True, 10, 14, (10, 11, 10, 9, 10, 14))
    (noisy,) = trends_of(newest_first([10, 16, 5, 12, 7, 14]))
    assert noisy.worse is False
    (small,) = trends_of(newest_first([10, 10, 10, 10, 10, 10.9]))
    assert small.worse is False


def test_where_more_is_better_less_is_worse() -> None:
    (less,) = trends_of(newest_first([0.99, 0.99, 0.99, 0.99, 0.99, 0.7], worse="down"))
    (more,) = trends_of(newest_first([0.5, 0.5, 0.5, 0.5, 0.5, 0.9], worse="down"))
    (undecided,) = trends_of(newest_first([1, 1, 1, 1, 1, 9], worse=""))
    assert (less.worse, more.worse, undecided.worse) == (True, False, False)


def test_runs_on_another_runtime_are_not_compared() -> None:
    docker = newest_first([100, 100, 100, 100, 100], runtime="docker")
    embedded = newest_first([10, 10, 10, 10, 10, 30], runtime="embedded")
    (trend,) = trends_of([*embedded, *docker])
    assert (trend.usual, trend.worse) == (10, True)
    assert trends_of([]) == []
