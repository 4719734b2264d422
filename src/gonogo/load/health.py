"""Was the load delivered? What a sick generator measured says nothing about the service.

Everything here is the generator's own doing. It never waits for an answer before it sends the next request, so a slow
service makes it neither late nor busy: that one shows in latencies and errors.
"""

from __future__ import annotations

from gonogo.core.errors import NotMeasurable
from gonogo.core.quantity import format_seconds, format_value
from gonogo.load.running import LoadResult
from gonogo.load.statistics import percentile

LAG_SHARE = 0.05  # of the latency limit
LAG_FLOOR_SECONDS = 0.02  # what a healthy host may well do to any process
CPU_LIMIT = 0.9  # of one processor: beyond, answers wait for the generator
RATE_LIMITED_AT_MOST = 0.01


def generator_lag_seconds(result: LoadResult) -> float:
    """How late the generator came round to a request, at worst for 95 % of them. Raises NotMeasurable."""
    return percentile([sample.lag_seconds for sample in result.measured], 0.95).value


def require_delivered(result: LoadResult) -> None:
    """Raise NotMeasurable when the generator could not make the load that it was asked for."""
    finished = result.finished
    if finished.dropped:
        raise NotMeasurable(
            f"the load was not delivered: {finished.dropped} of {finished.due} requests were not sent, because too many"
            " were in flight already (the limit follows from the open files that a process may have)"
        )
    if len(result.samples) < finished.due:  # whatever became of the others was no success
        raise NotMeasurable(
            f"the load was not delivered: of {finished.due} requests that were due the generator tells what became of"
            f" {len(result.samples)}"
        )
    if finished.cpu_share > CPU_LIMIT or finished.cpu_warnings:
        share = format_value(finished.cpu_share, "1")
        raise NotMeasurable(f"the load generator was too busy ({share} of a processor): it measured itself")


def require_punctual(result: LoadResult, latency_limit_seconds: float | None) -> None:
    """Raise NotMeasurable when the generator was so late that its latencies say little about the service.

    What came back, and whether it was right, can be told all the same.
    """
    allowed = max(LAG_FLOOR_SECONDS, LAG_SHARE * (latency_limit_seconds or 0.0))
    lag = generator_lag_seconds(result)
    if lag > allowed:
        raise NotMeasurable(
            f"the load generator was late by {format_seconds(lag)} (p95; at most {format_seconds(allowed)}):"
            " this host was too busy to measure latencies on"
        )


def require_not_rate_limited(result: LoadResult) -> None:
    """Raise NotMeasurable when the service turned a notable share of gonogo's own requests away."""
    if result.gentle and any(sample.rate_limited for sample in result.samples):
        raise NotMeasurable(
            f"the service's rate limit refused a request (429) after {len(result.samples)}: the load ended there"
        )
    limited = sum(sample.rate_limited for sample in result.measured)
    if limited > RATE_LIMITED_AT_MOST * len(result.measured):
        raise NotMeasurable(
            f"the service's rate limit refused {limited} of {len(result.measured)} requests (429): the load did not"
            " reach it; raise the limit for gonogo's tenants or lower `arrivals.rate`"
        )
