"""What the plots of a load show."""

from __future__ import annotations

from dataclasses import replace

from gonogo.load.running import LoadResult
from gonogo.load.series import counted_latencies, timeline_of
from gonogo.load.wire import Finished, Sample


def sample(at: float, latency: float, *, ok: bool = True, error: str = "") -> Sample:
    return Sample(name="search", key="q", intended_s=at, sent_s=at, ended_s=at + latency, ok=ok, error=error)


SAMPLES = (
    sample(100.1, 0.1),
    sample(100.2, 0.3),
    sample(101.5, 0.001, ok=False, error="status 500"),
    sample(101.6, 2.0),
    sample(103.0, 10.0, ok=False, error="timeout"),
)
RESULT = LoadResult(
    samples=SAMPLES,
    started_s=100.0,
    ended_s=113.0,
    warm_up_seconds=0.0,
    rate=2.0,
    finished=Finished(due=5, dropped=0, unanswered=0, cpu_share=0.1, cpu_warnings=0),
    log="log",
)


def test_a_quick_refusal_is_no_fast_answer_and_a_request_that_was_given_up_is_a_slow_one() -> None:
    assert counted_latencies(SAMPLES) == [SAMPLES[0], SAMPLES[1], SAMPLES[3], SAMPLES[4]]


def test_every_second_has_its_latency_rates_and_errors() -> None:
    drawn = {one.name: one for one in timeline_of(RESULT, lambda at: at - 90, 0.3).series}
    assert drawn["latency_p95"].points == ((10.5, 0.3), (11.5, 2.0), (13.5, 10.0))
    assert drawn["latency_p50"].points[0] == (10.5, 0.1)
    assert drawn["latency_p95"].limit == 0.3
    assert [value for _, value in drawn["offered_rate"].points][:5] == [2.0, 2.0, 0.0, 1.0, 0.0]
    assert [value for _, value in drawn["answered_rate"].points][:4] == [2.0, 0.0, 0.0, 1.0]
    assert [value for _, value in drawn["errors_per_second"].points][:4] == [0.0, 1.0, 0.0, 1.0]


def test_the_warm_up_is_a_phase_of_its_own() -> None:
    spans = timeline_of(replace(RESULT, warm_up_seconds=2.0), lambda at: at - 90, None).spans
    assert [(span.name, span.start_s, span.end_s) for span in spans] == [("warm-up", 10.0, 12.0), ("load", 12.0, 23.0)]
    assert [span.name for span in timeline_of(RESULT, lambda at: at, None).spans] == ["load"]
