"""A sick generator is not measurable; a slow service does not look like one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.load.health import require_delivered, require_not_rate_limited, require_punctual
from gonogo.load.running import LoadResult
from gonogo.load.wire import Finished, Sample

LIMIT_S = 0.3


def result(*, lag_s: float = 0.001, service_s: float = 0.02, n: int = 200, limited: int = 0) -> LoadResult:
    samples = tuple(
        Sample(
            name="search",
            key="q",
            intended_s=at / 10,
            sent_s=at / 10 + lag_s,
            ended_s=at / 10 + lag_s + service_s,
            ok=at >= limited,
            status=200 if at >= limited else 429,
        )
        for at in range(n)
    )
    finished = Finished(due=n, dropped=0, unanswered=0, cpu_share=0.2, cpu_warnings=0)
    return LoadResult(
        samples=samples, started_s=0.0, ended_s=n / 10, warm_up_seconds=0.0, rate=10.0, finished=finished, log="log"
    )


def told(**changes: float) -> LoadResult:
    """A load whose generator says something else about itself."""
    finished = {"due": 200, "dropped": 0, "unanswered": 0, "cpu_share": 0.2, "cpu_warnings": 0, **changes}
    return replace(result(), finished=Finished(**finished))  # type: ignore[arg-type]  # integers, where it wants them


def test_a_delivered_load_is_measurable() -> None:
    require_delivered(result())
    require_punctual(result(), LIMIT_S)
    require_not_rate_limited(result())


def test_a_service_that_takes_seconds_is_slow_and_the_generator_well() -> None:
    require_delivered(result(service_s=9.0))
    require_punctual(result(service_s=9.0), LIMIT_S)


@pytest.mark.parametrize(
    ("sick", "reason"),
    [
        (told(dropped=1), "1 of 200 requests were not sent"),
        (told(due=220), "of 220 requests that were due the generator tells what became of 200"),
        (told(due=202, unanswered=2), "of 202 requests"),  # 1 % that nobody counted would be the whole error budget
        (told(cpu_share=0.95), "too busy"),
        (told(cpu_warnings=1), "too busy"),
    ],
)
def test_a_load_that_was_not_delivered_is_not_measurable(sick: LoadResult, reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        require_delivered(sick)


@pytest.mark.parametrize(
    ("late", "reason"), [(result(lag_s=0.05), "late by 50.0 ms"), (result(n=20), "p95 needs 72 samples")]
)
def test_a_late_generator_measures_no_latencies(late: LoadResult, reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        require_punctual(late, LIMIT_S)


def test_a_generous_limit_forgives_a_lag_that_cannot_matter_to_it() -> None:
    require_punctual(result(lag_s=0.05), 2.0)


def test_a_rate_limit_that_turns_gonogo_away_is_no_measurement_and_a_single_refusal_does_not_matter() -> None:
    require_not_rate_limited(result(limited=2))
    with pytest.raises(NotMeasurable, match=r"refused 3 of 200 requests \(429\)"):
        require_not_rate_limited(result(limited=3))


def test_the_warm_up_does_not_count() -> None:
    warmed = replace(result(), warm_up_seconds=5.0)
    assert (len(warmed.measured), warmed.measured[0].intended_s) == (150, 5.0)
