"""Run directories written by hand through the real writer, on a clock that stands still: golden files need both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from gonogo.core.event import (
    Event,
    ItemFinished,
    ItemStarted,
    ObservationMade,
    PlanMade,
    RunStarted,
    TableDrawn,
    TimelineDrawn,
)
from gonogo.core.facts import Facts, TableFacts
from gonogo.core.finding import Expectation, Source, Waiver
from gonogo.core.observation import Observation, Scalar, Table, Timeline
from gonogo.core.outcome import Area, Effect, Kind, Severity, SkipReason
from gonogo.core.plan import JudgingContext, Plan, PlanItem, ResolvedPolicy
from gonogo.rundir import directory as rundir
from gonogo.rundir.directory import CONTEXT, FACTS, PLAN, RunDirectory

START = datetime(2026, 11, 24, 3, 12, 5, tzinfo=UTC)
RUN_ID = "20261124-031205-k3vd"
WEIGHTS = {area.value: 10.0 for area in (Area.BACKUP, Area.ISOLATION, Area.VECTOR_INDEX, Area.API)} | {
    area.value: 5.0 for area in (Area.RESILIENCE, Area.LOAD, Area.SECURITY, Area.OBSERVABILITY)
}


class StandingClock:
    """Takes the place of `time` and `datetime` in the run directory; moves only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self, zone: tzinfo | None = None) -> datetime:
        """The wall clock."""
        return (START + timedelta(seconds=self.seconds)).astimezone(zone)

    def monotonic(self) -> float:
        """The monotonic clock."""
        return self.seconds


@dataclass(slots=True)
class Writer:
    """Writes one run. `at` moves the clock forward, never back."""

    directory: RunDirectory
    clock: StandingClock
    items: list[PlanItem] = field(default_factory=list)

    def at(self, seconds: float) -> Writer:
        """It is now `seconds` after the start of the run."""
        assert seconds >= self.clock.seconds, f"{seconds} is in the past"
        self.clock.seconds = seconds
        return self

    def event(self, event: Event) -> None:
        """Append an event."""
        self.directory.append(event)

    def write_plan(self, context: JudgingContext, facts: Facts | None, items: list[PlanItem]) -> None:
        """All that is known before anything is measured."""
        self.event(RunStarted(info={"run_id": RUN_ID, "suite": context.suite, "command": context.command}))
        self.directory.write(CONTEXT, context.to_json())
        if facts is not None:
            self.directory.write(FACTS, facts.to_json())
        self.directory.write(PLAN, Plan(items=tuple(items)).to_json())
        running = [one for one in items if one.runs]
        self.event(PlanMade(items=len(items), to_run=len(running), predicted_s=len(running) * 1.5))

    def run(
        self,
        item_id: str,
        *observed: Observation,
        seconds: float = 0.4,
        timeline: Timeline | None = None,
        tables: Sequence[Table] = (),
        unmeasurable: str | None = None,
        cause: str = "",
        contention: float = 0.03,
    ) -> None:
        """One item from its start to its end; evidence that an observation names is really written."""
        self.event(ItemStarted(id=item_id))
        self.clock.seconds += seconds
        for one in observed:
            if one.evidence:
                self.directory.artifact(one.evidence.removeprefix("artifacts/"), f"evidence of {one.name}\n")
            self.event(ObservationMade(id=item_id, observation=one))
        if timeline:
            self.event(TimelineDrawn(id=item_id, timeline=timeline))
        for table in tables:
            self.event(TableDrawn(id=item_id, table=table))
        self.event(
            ItemFinished(
                id=item_id,
                seconds=seconds,
                cpu_seconds=seconds / 3,
                contention=contention,
                unmeasurable=unmeasurable,
                cause=cause,
            )
        )


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A writer on a fresh directory, with the clock standing still."""
    clock = StandingClock()
    with (
        mock.patch.object(rundir, "time", SimpleNamespace(monotonic=clock.monotonic)),
        mock.patch.object(rundir, "datetime", clock),
    ):
        yield Writer(directory=RunDirectory(path, run_id=RUN_ID), clock=clock)


def expect(
    observation: str, matcher: str, expected: Scalar, *, unit: str = "", text: str = "", n: int = 1
) -> Expectation:
    """An expectation of the plan."""
    return Expectation(observation=observation, matcher=matcher, expected=expected, unit=unit, min_n=n, text=text)


def item(
    identifier: str,
    title: str,
    *expectations: Expectation,
    area: Area,
    severity: Severity = Severity.HIGH,
    covers: tuple[str, ...] = (),
    why: str = "",
    remedy: str = "",
    skip: SkipReason | None = None,
    reason: str = "",
    unreachable: str | None = None,
    line: int = 1,
) -> PlanItem:
    """An item of the plan; its kind follows from its folder."""
    kind = next(kind for kind in Kind if identifier.startswith(f"{kind.folder}/"))
    return PlanItem(
        id=identifier,
        kind=kind,
        title=title,
        area=area,
        severity=severity,
        gating=severity in {Severity.CRITICAL, Severity.HIGH},
        source=Source(file=f"{identifier}.yaml", line=line),
        effects=Effect.READ,
        expectations=expectations,
        covers=covers,
        why=why,
        remedy=remedy,
        skip=skip,
        reason=reason,
        unreachable=unreachable,
    )


def policy(*waivers: Waiver, accept: dict[str, str] | None = None) -> ResolvedPolicy:
    """The policy of the synthetic runs."""
    return ResolvedPolicy(
        name="pre-production",
        gates=(Severity.CRITICAL, Severity.HIGH),
        areas=WEIGHTS,
        accept_unsupported=accept or {},
        waivers=waivers,
        max_age_s=7 * 86_400.0,
    )


def context(used: ResolvedPolicy, *, partial: str | None = None) -> JudgingContext:
    """What the judge is told."""
    return JudgingContext(
        run_id=RUN_ID,
        as_of=START.isoformat(timespec="seconds"),
        policy=used,
        suite="pre-production",
        partial=partial,
        stack_name="reference",
        runtime="docker",
        stack_fingerprint="sha256:5b1f0c9e7a",
        command="gonogo gate --suite pre-production",
        tool={"name": "gonogo", "version": "0.1.0"},
        commit="9d3f8a61c2b7e4d05f1a6b3c8e9d7f20a4b5c6d1",
    )


def facts() -> Facts:
    """What discovery found."""
    chunks = TableFacts(name="public.chunks", rows=10_344, size_bytes=171_245_568, dimensions=384)
    return Facts(
        runtime="docker",
        versions={"postgres": "17.7", "pgvector": "0.8.1", "application": "1.4.2"},
        images={"db": f"pgvector/pgvector@sha256:{'4ac1' * 16}", "app": f"reference-rag@sha256:{'07be' * 16}"},
        tables={"chunks": chunks},
        data_size_bytes=204_681_216,
    )
