"""What gonogo and the generator tell each other."""

from __future__ import annotations

from pathlib import Path

from gonogo.load.wire import Finished, Line, PlannedRequest, Sample, Started, Traffic, line_of, read_lines

SAMPLES = (
    Sample(
        name="search", key="q1", intended_s=1.0, sent_s=1.01, ended_s=1.5, ok=True, status=200, correct=False,
        returned=("7", "9"), size_bytes=12,
    ),
    Sample(name="search", key="q2", intended_s=2.0, sent_s=2.0, ended_s=12.0, ok=False, error="timeout"),
)  # fmt: skip


def test_samples_and_announcements_come_back_as_they_were_written(tmp_path: Path) -> None:
    lines: list[Line] = [
        Started(at_s=0.5, planned=2),
        *SAMPLES,
        Finished(due=2, dropped=0, unanswered=0, cpu_share=0.1, cpu_warnings=0),
    ]
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(map(line_of, lines)))
    assert list(read_lines(path)) == lines


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(line_of(SAMPLES[0]) + line_of(SAMPLES[1])[:20])
    assert list(read_lines(path)) == [SAMPLES[0]]


def test_nothing_was_said_before_the_file_is_there(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "samples.jsonl")) == []


def test_latency_counts_from_the_intended_start_and_lag_is_the_generators() -> None:
    assert (SAMPLES[0].latency_seconds, round(SAMPLES[0].lag_seconds, 6)) == (0.5, 0.01)


def test_traffic_comes_back_as_it_was_written(tmp_path: Path) -> None:
    request = PlannedRequest(name="search", key="q1", method="POST", path="/search", headers={"X-Key": "k"}, body="{}")
    traffic = Traffic(
        base_url="http://127.0.0.1:1", requests=(request,), rate=5.0, spacing="even", seconds=3.0, seed=1,
        timeout_seconds=10.0, in_flight_limit=64, samples="s.jsonl", reads={"search": {"hits": "$.hits[*]"}},
    )  # fmt: skip
    path = tmp_path / "traffic.json"
    path.write_text(traffic.to_json())
    assert Traffic.read(path) == traffic
