"""What happened second by second: for plots."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from gonogo.core.observation import Series, Span, Timeline
from gonogo.load.running import LoadResult
from gonogo.load.wire import TIMEOUT, Sample

Clock = Callable[[float], float]  # from a monotonic instant to seconds since the run started


def counted_latencies(samples: Sequence[Sample]) -> list[Sample]:
    """The samples whose latency counts: good answers, and requests that got none in time.

    A quick refusal is an error and no fast answer: it would flatter the percentiles.
    """
    return [sample for sample in samples if sample.ok or sample.error == TIMEOUT]


def timeline_of(result: LoadResult, clock: Clock, latency_limit_seconds: float | None) -> Timeline:
    """Latency, rates and errors of a load, by the second in which the requests were due; the warm-up included."""
    seconds = _by_second(result.samples, result.started_s, lambda sample: sample.intended_s)
    answered = _by_second(result.samples, result.started_s, lambda sample: sample.ended_s)
    last = max([*seconds, *answered], default=-1)

    def points(value: Callable[[int], float | None]) -> tuple[tuple[float, float], ...]:
        found = ((clock(result.started_s + second + 0.5), value(second)) for second in range(last + 1))
        return tuple((round(at, 3), round(one, 6)) for at, one in found if one is not None)

    def latency(share: float) -> tuple[tuple[float, float], ...]:
        return points(lambda second: _nearest_rank(counted_latencies(seconds[second]), share))

    errors = {key: [one for one in found if not one.ok] for key, found in seconds.items()}
    return Timeline(
        spans=_spans(result, clock),
        series=(
            Series(name="latency_p50", unit="s", points=latency(0.5)),
            Series(name="latency_p95", unit="s", points=latency(0.95), limit=latency_limit_seconds),
            Series(name="offered_rate", unit="1/s", points=points(lambda second: float(len(seconds[second])))),
            Series(
                name="answered_rate",
                unit="1/s",
                points=points(lambda second: float(sum(one.ok for one in answered[second]))),
            ),
            Series(
                name="errors_per_second", unit="1/s", points=points(lambda second: float(len(errors.get(second, ()))))
            ),
        ),
    )


def _spans(result: LoadResult, clock: Clock) -> tuple[Span, ...]:
    measured = result.started_s + result.warm_up_seconds
    spans = (
        Span(name="warm-up", start_s=clock(result.started_s), end_s=clock(measured)),
        Span(name="load", start_s=clock(measured), end_s=clock(max(measured, result.ended_s))),
    )
    return tuple(span for span in spans if span.seconds > 0)


def _by_second(samples: Sequence[Sample], origin: float, at: Callable[[Sample], float]) -> dict[int, list[Sample]]:
    found: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[max(0, math.floor(at(sample) - origin))].append(sample)
    return found


def _nearest_rank(samples: Sequence[Sample], share: float) -> float | None:
    if not samples:
        return None
    ordered = sorted(sample.latency_seconds for sample in samples)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]
