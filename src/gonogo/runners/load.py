"""How a load profile runs: the truth first, then the traffic, then what it showed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.core.observation import Observation
from gonogo.load.health import generator_lag_seconds, require_delivered, require_not_rate_limited
from gonogo.load.running import LoadResult, running_load
from gonogo.load.series import counted_latencies, timeline_of
from gonogo.load.statistics import Estimate, percentile, proportion
from gonogo.load.traffic import asked_questions, parameters_of
from gonogo.load.truth import exact_answers, recall_under_load
from gonogo.load.wire import TIMEOUT, Sample
from gonogo.spec.references import lookup_in, substitute
from gonogo.spec.verification import LoadSpec, TrafficSpec
from gonogo.stacks.context import Context

if TYPE_CHECKING:
    from gonogo.pg.vectors import Exact

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
RECALL_K = 10
RECALL = "recall_at_10"
BUSY_HOST = {TIMEOUT, "status 503", "status 504"}  # errors that a busy host can cause; a plain 500 it cannot


def run_load(
    context: Context,
    spec: LoadSpec,
    *,
    duration_seconds: float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Run a profile and record what it showed. `changes` replace parameters (seeded defects).

    Observes p50, p95, p99, error_rate, errors, rate_limited, throughput, offered_rate, correct_share, generator_lag and
    recall_at_10, each as far as there are enough samples. Raises NotMeasurable when the load was not delivered.
    """
    parameters = parameters_of(spec, changes)
    exact: dict[str, Exact] | None = None
    if RECALL in spec.expect:
        context.progress("computing the exact nearest neighbours of the questions")
        exact = _exact_or_none(context, parameters)
    duration = duration_seconds or spec.duration
    context.progress(f"{spec.arrivals.rate:g} requests a second for {spec.warm_up + duration:g} s")
    with running_load(context, spec, context.item_path, duration, changes=changes) as running:
        result = running.wait()
    limit = _latency_limit(context, spec)
    context.draw(timeline_of(result, context.recorder.elapsed_s, limit))
    evidence = _keep(context, result)
    require_delivered(result, limit)
    require_not_rate_limited(result)
    for observation in _observations(_Seen(result=result, duration_s=duration, evidence=evidence), exact):
        context.observe(observation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A delivered load, over how long, and where its samples are kept."""

    result: LoadResult
    duration_s: float
    evidence: str

    @property
    def samples(self) -> Sequence[Sample]:
        """Measured samples; those that a rate limit turned away are neither good nor bad."""
        return [sample for sample in self.result.measured if not sample.rate_limited]


def _exact_or_none(context: Context, parameters: TrafficSpec) -> dict[str, Exact] | None:
    """The exact answers, None where they cannot be had: then recall is not observed, and the rest is."""
    try:
        if parameters.k < RECALL_K:
            raise NotMeasurable(f"the profile asks for {parameters.k} hits, not for {RECALL_K}")
        return exact_answers(context, asked_questions(context, parameters.seed), RECALL_K)
    except NotMeasurable as error:
        context.progress(f"recall under load will not be measured: {error}")
        return None


def _latency_limit(context: Context, spec: LoadSpec) -> float | None:
    """The limit that the profile sets on p95 by the stack's own objective; for plots and the generator's health."""
    expectation = spec.expect.get("p95")
    if expectation is None or expectation.matcher != "at_most":
        return None
    objectives = {f"objectives.{name}": str(value) for name, value in context.stack.spec.objectives.items()}
    try:
        resolved = expectation.resolved("p95", lambda text: substitute(text, lookup_in(objectives)))
    except (UsageError, ValueError):
        return None
    return float(resolved.expected) if isinstance(resolved.expected, (int, float)) else None


def _keep(context: Context, result: LoadResult) -> str:
    """All samples as evidence, instants in seconds since the run started."""
    path, relative = context.recorder.artifact_path("samples.jsonl.gz")
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
        for sample in result.samples:
            instants = {
                name: round(context.recorder.elapsed_s(getattr(sample, name)), 6)
                for name in ("intended_s", "sent_s", "ended_s")
            }
            packed.write((json.dumps({**sample.to_json(), **instants}) + "\n").encode())
    return relative


def _observations(seen: _Seen, exact: Mapping[str, Exact] | None) -> Iterator[Observation]:
    yield from _latencies(seen)
    yield from _errors(seen)
    yield from _rates(seen)
    yield from _answers(seen, exact)


def _latencies(seen: _Seen) -> Iterator[Observation]:
    """From the intended start. The low bound leaves out what the generator itself was late."""
    counted = counted_latencies(seen.samples)
    for name, share in PERCENTILES.items():
        try:
            found = percentile([sample.latency_seconds for sample in counted], share)
            by_service = percentile([sample.ended_s - sample.sent_s for sample in counted], share)
        except NotMeasurable:
            continue  # too few samples: not observed
        yield Observation(
            name=name,
            value=found.value,
            unit="s",
            n=found.n,
            low=min(found.low, by_service.low),
            high=found.high,
            load_sensitive=True,
            evidence=seen.evidence,
            detail="from the intended start to the last byte of the answer",
        )


def _errors(seen: _Seen) -> Iterator[Observation]:
    failed = Counter(sample.error for sample in seen.samples if not sample.ok)
    kinds = ", ".join(f"{count} x {kind}" for kind, count in failed.most_common())
    rate = proportion(sum(failed.values()), len(seen.samples))
    yield _share("error_rate", rate, seen, kinds, load_sensitive=bool(BUSY_HOST & failed.keys()))
    for kind, count in sorted(failed.items()):
        yield Observation(name="errors", subject=kind, value=count, unit="count", n=len(seen.samples))
    limited = len(seen.result.measured) - len(seen.samples)
    yield Observation(name="rate_limited", value=limited, unit="count", n=len(seen.result.measured))


def _share(name: str, found: Estimate, seen: _Seen, detail: str, *, load_sensitive: bool = False) -> Observation:
    return Observation(
        name=name,
        value=found.value,
        unit="1",
        n=found.n,
        low=found.low,
        high=found.high,
        load_sensitive=load_sensitive,
        evidence=seen.evidence,
        detail=detail,
    )


def _rates(seen: _Seen) -> Iterator[Observation]:
    """Requests per second that were due, and answers per second that came, until the last of them had come."""
    result = seen.result
    begin = result.started_s + result.warm_up_seconds
    until = max(begin + seen.duration_s, max((sample.ended_s for sample in seen.samples), default=begin))
    good = sum(sample.ok for sample in seen.samples)
    offered = len(result.measured) / seen.duration_s
    yield Observation(name="offered_rate", value=round(offered, 3), unit="1/s", n=len(result.measured))
    yield Observation(
        name="throughput", value=round(good / (until - begin), 3), unit="1/s", n=good, load_sensitive=True
    )
    lag = generator_lag_seconds(result)
    yield Observation(
        name="generator_lag",
        value=lag,
        unit="s",
        n=len(result.measured),
        detail=f"p95; the generator used {100 * result.finished.cpu_share:.0f} % of a processor",
    )


def _answers(seen: _Seen, exact: Mapping[str, Exact] | None) -> Iterator[Observation]:
    compared = [sample.correct for sample in seen.samples if sample.ok and sample.correct is not None]
    if compared:
        found = proportion(sum(compared), len(compared))
        yield _share("correct_share", found, seen, "answers whose hits hold the known document")
    if exact is None:
        return
    try:
        interval, n = recall_under_load(seen.samples, exact)
    except NotMeasurable:
        return  # no good answer to compare: not observed
    yield Observation(
        name=RECALL,
        value=interval.mean,
        unit="1",
        n=n,
        low=interval.low,
        high=interval.high,
        evidence=seen.evidence,
        detail=f"answers to {interval.n} questions against their exact nearest neighbours",
    )
