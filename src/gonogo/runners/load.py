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
from gonogo.load.health import generator_lag_seconds, require_delivered, require_not_rate_limited, require_punctual
from gonogo.load.running import LoadResult, running_load
from gonogo.load.series import counted_latencies, timeline_of
from gonogo.load.statistics import Estimate, percentile, proportion
from gonogo.load.traffic import asked_questions, parameters_of
from gonogo.load.truth import exact_answers, recall_under_load
from gonogo.load.wire import TIMEOUT, Sample
from gonogo.spec.references import lookup_in, substitute
from gonogo.spec.verification import LoadSpec, TrafficSpec
from gonogo.stacks.context import Context
from gonogo.stacks.exchange import OVERLOADED
from gonogo.stacks.scale import sampled

if TYPE_CHECKING:
    from gonogo.pg.vectors import Exact

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
RECALL_K = 10
RECALL = "recall_at_10"
BUSY_HOST = {TIMEOUT, *(f"status {one}" for one in OVERLOADED if one)}  # errors that a busy host can cause


def run_load(
    context: Context,
    spec: LoadSpec,
    *,
    duration_seconds: float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Run a profile and record what it showed. `changes` replace parameters (seeded defects).

    Observes p50, p95, p99, error_rate, errors, rate_limited, throughput, offered_rate, correct_share, generator_lag and
    recall_at_10; of a mix also chat_p95, ingest_p95 … of each request by itself. What is expected and could not be
    measured has no value and says why. Raises NotMeasurable when the load was not delivered at all.
    """
    parameters = parameters_of(spec, changes)
    truth = _truth(context, parameters) if RECALL in spec.expect else None
    duration = duration_seconds or spec.duration
    context.progress(f"{spec.arrivals.rate:g} requests a second for {spec.warm_up + duration:g} s")
    with running_load(context, spec, context.item_path, duration, changes=changes) as running:
        result = running.wait()
    limit = _latency_limit(context, spec)
    context.draw(timeline_of(result, context.recorder.elapsed_s, limit))
    evidence = _keep(context, result)
    require_delivered(result)
    require_not_rate_limited(result)
    seen = _Seen(
        result=result,
        duration_s=duration,
        evidence=evidence,
        expected=frozenset(spec.expect),
        late=_late(result, limit),
        sample=sampled(context),
    )
    for observation in _observations(seen, truth):
        context.observe(observation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A delivered load, over how long, where its samples are kept, and which observations are expected of it."""

    result: LoadResult
    duration_s: float
    evidence: str
    expected: frozenset[str]
    late: str  # why its latencies say little about the service, "" where they do
    sample: str  # on which part of production's data, "" where it is enough of them

    @property
    def samples(self) -> Sequence[Sample]:
        """Measured samples; those that a rate limit turned away are neither good nor bad."""
        return [sample for sample in self.result.measured if not sample.rate_limited]


def _late(result: LoadResult, latency_limit_seconds: float | None) -> str:
    try:
        require_punctual(result, latency_limit_seconds)
    except NotMeasurable as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    """The exact answers by question, or why there are none: then recall has no value, and the rest is measured."""

    exact: Mapping[str, Exact]
    missing: str = ""


def _truth(context: Context, parameters: TrafficSpec) -> _Truth:
    context.progress("computing the exact nearest neighbours of the questions")
    if parameters.k < RECALL_K:
        return _Truth(exact={}, missing=f"the profile asks for {parameters.k} hits, not for {RECALL_K}")
    try:
        return _Truth(exact=exact_answers(context, asked_questions(context, parameters.seed), RECALL_K))
    except NotMeasurable as error:
        return _Truth(exact={}, missing=str(error))


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


def _observations(seen: _Seen, truth: _Truth | None) -> Iterator[Observation]:
    yield from _latencies(seen)
    yield from _errors(seen)
    yield from _rates(seen)
    yield from _answers(seen)
    if truth is not None:
        yield _recall(seen, truth)


def _latencies(seen: _Seen) -> Iterator[Observation]:
    """Of all requests, and of each kind of a mix by itself: chat_p95 and the like."""
    yield from _percentiles(seen, counted_latencies(seen.samples))
    names = sorted({sample.name for sample in seen.samples})
    for kind in names if len(names) > 1 else ():
        yield from _percentiles(seen, counted_latencies([one for one in seen.samples if one.name == kind]), f"{kind}_")


def _percentiles(seen: _Seen, counted: Sequence[Sample], prefix: str = "") -> Iterator[Observation]:
    """From the intended start. The low bound leaves out what the generator itself was late."""
    for name, share in ((f"{prefix}{name}", share) for name, share in PERCENTILES.items()):
        try:
            found = percentile([sample.latency_seconds for sample in counted], share)
            by_service = percentile([sample.ended_s - sample.sent_s for sample in counted], share)
            if seen.late:
                raise NotMeasurable(seen.late)
        except NotMeasurable as error:
            if name in seen.expected:
                yield Observation(name=name, value=None, unit="s", n=len(counted), detail=str(error))
            continue
        yield Observation(
            name=name,
            value=found.value,
            unit="s",
            n=found.n,
            low=min(found.low, by_service.low),
            high=found.high,
            load_sensitive=True,
            lower_bound=bool(seen.sample),
            evidence=seen.evidence,
            detail="; ".join(filter(None, ("from the intended start to the last byte of the answer", seen.sample))),
        )


def _errors(seen: _Seen) -> Iterator[Observation]:
    failed = Counter(sample.error for sample in seen.samples if not sample.ok)
    kinds = ", ".join(f"{count} x {kind}" for kind, count in failed.most_common())
    rate = proportion(sum(failed.values()), len(seen.samples))
    of_busy_host = bool(BUSY_HOST & failed.keys())
    if seen.late and of_busy_host:
        yield Observation(name="error_rate", value=None, unit="1", n=rate.n, detail=f"{kinds}; {seen.late}")
    else:
        yield _share("error_rate", rate, seen, kinds, load_sensitive=of_busy_host)
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


def _answers(seen: _Seen) -> Iterator[Observation]:
    compared = [sample.correct for sample in seen.samples if sample.ok and sample.correct is not None]
    if compared:
        found = proportion(sum(compared), len(compared))
        yield _share("correct_share", found, seen, "answers whose hits hold the known document")


def _recall(seen: _Seen, truth: _Truth) -> Observation:
    try:
        if truth.missing:
            raise NotMeasurable(truth.missing)
        interval, n = recall_under_load(seen.samples, truth.exact)
    except NotMeasurable as error:
        return Observation(name=RECALL, value=None, unit="1", detail=str(error))
    return Observation(
        name=RECALL,
        value=interval.mean,
        unit="1",
        n=n,
        low=interval.low,
        high=interval.high,
        evidence=seen.evidence,
        detail=f"answers to {interval.n} questions against their exact nearest neighbours",
    )
