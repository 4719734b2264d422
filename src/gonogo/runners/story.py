"""What a scenario saw, as observations and as a timeline. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gonogo.core.observation import Mark, Observation, Series, Span, Timeline
from gonogo.pg.ledger import Ledger, LedgerCount
from gonogo.pg.tally import longest_silence
from gonogo.probes._steps import absent
from gonogo.runners.beneath import Beneath
from gonogo.runners.probing import Reply
from gonogo.stacks.context import Context

BIN_SECONDS = 0.1  # of the plotted counts
SHORTLY_SECONDS = 3.0  # before the fault: so long a question for readiness may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One fault that landed. Instants are monotonic seconds."""

    name: str
    began_at: float
    injected_at: float  # when it took effect
    landed_at: float  # when that was proven


@dataclass(slots=True, kw_only=True)
class Story:
    """The instants of a scenario, on the monotonic clock."""

    began_at: float
    broken: list[Broken] = field(default_factory=list)
    heal_began_at: float = 0.0
    healed_at: float = 0.0
    recovered_at: float | None = None  # since when everything works, as known when all requests were answered
    gave_up_at: float = 0.0  # until when recovery was waited for
    ended_at: float = 0.0
    steady_checks: int = 0  # how many checks the steady state is made of; without any nothing is said of it
    unsteady: str | None = None  # why the steady state was not reached again

    @property
    def touched_at(self) -> float:
        """When the first fault began to be injected: until then all was well."""
        return min(one.began_at for one in self.broken)

    @property
    def broke_at(self) -> float:
        """When the first fault took effect."""
        return min(one.injected_at for one in self.broken)


def observations(story: Story, beneath: Beneath) -> Iterator[Observation]:
    """Everything but the ledger's count. What never came back is no matter of a busy host: waiting was long enough."""
    yield from _of_searches(story, beneath)
    yield from _of_readiness(story, beneath)
    if beneath.ledger is not None:
        yield _write_outage(story, beneath.ledger)
    recovered = story.recovered_at is not None
    seconds = (story.recovered_at or story.gave_up_at) - story.heal_began_at
    yield Observation(
        name="recovered", value=recovered, n=1,
        detail="" if recovered else f"no lasting recovery within {seconds:.0f} s of healing",
    )  # fmt: skip
    yield Observation(
        name="recovery_seconds", value=max(0.0, seconds), unit="s", n=1, load_sensitive=recovered,
        lower_bound=not recovered,
    )  # fmt: skip
    yield Observation(
        name="steady_state_again",
        value=False if story.unsteady else True if story.steady_checks else None,
        n=max(story.steady_checks, bool(story.unsteady)),
        load_sensitive=recovered,
        detail=story.unsteady or ("" if story.steady_checks else "the scenario names no check of its steady_state"),
    )


def of_ledger(story: Story, count: LedgerCount, evidence: str) -> Iterator[Observation]:
    """The ledger's count on the server that is primary in the end."""
    rows = {
        "acknowledged_rows_lost": count.lost, "holes": count.holes, "unexpected_rows": count.unexpected,
        "indeterminate_writes": count.indeterminate, "recovered_rows": count.recovered,
    }  # fmt: skip
    for name, value in rows.items():
        yield Observation(name=name, value=value, unit="count", n=count.acknowledged, evidence=evidence)
    rpo = count.rpo_seconds(story.broke_at)
    yield Observation(name="rpo", value=rpo, unit="s", n=count.acknowledged, evidence=evidence)


def _of_searches(story: Story, beneath: Beneath) -> Iterator[Observation]:
    replies = [one for one in beneath.probers.replies if not one.rate_limited]
    answered = [one for one in replies if one.succeeded]
    wrong = [one for one in answered if not one.correct]
    known = {question.id for question in beneath.probers.questions}
    under_load = [one for one in beneath.samples if one.key in known and one.correct is not None]
    wrong_under_load = [one for one in under_load if not one.correct]
    yield Observation(
        name="wrong_answers", value=len(wrong) + len(wrong_under_load), unit="count",
        n=len(answered) + len(under_load), detail=wrong[0].detail if wrong else "",
    )  # fmt: skip
    rights = [one.ended_at for one in answered if one.correct]
    silence = longest_silence(rights, after=story.broke_at, until=story.gave_up_at)
    resumed = silence[1] in rights
    yield Observation(
        name="search_outage", value=silence[1] - silence[0], unit="s", n=len(rights), load_sensitive=resumed,
        lower_bound=not resumed, detail="" if resumed else "no right answer came any more",
    )  # fmt: skip
    meanwhile = [one for one in replies if one.ended_at > story.broke_at and one.sent_at < story.heal_began_at]
    yield from _of_errors(meanwhile)


def _of_errors(meanwhile: list[Reply]) -> Iterator[Observation]:
    """How callers fared while the fault was held."""
    errors = [one for one in meanwhile if not one.succeeded]
    unclear = [one for one in errors if not one.clear]
    kinds = Counter(str(one.status) if one.status is not None else one.detail.partition(":")[0] for one in errors)
    seen = ", ".join(f"{number} times {kind}" for kind, number in kinds.most_common(3))
    yield Observation(name="errors_meanwhile", value=len(errors), unit="count", n=len(meanwhile), detail=seen)
    yield Observation(
        name="unclear_errors", value=len(unclear), unit="count", n=len(errors),
        load_sensitive=any(one.status is None for one in unclear),  # no answer in time: the host may be to blame
        detail=f"{seen}; a clear one is 503 or 429 with Retry-After" if unclear else seen,
    )  # fmt: skip
    if meanwhile:
        slowest = max(meanwhile, key=lambda one: one.seconds)
        yield Observation(
            name="slowest_answer", value=slowest.seconds, unit="s", n=len(meanwhile), load_sensitive=True,
            detail=f"answered {slowest.status or slowest.detail}",
        )  # fmt: skip


def _of_readiness(story: Story, beneath: Beneath) -> Iterator[Observation]:
    """Where readiness never changed, the value is how long that was watched: a lower bound."""
    states = sorted(
        (one for one in beneath.probers.readiness if not one.rate_limited), key=lambda one: one.ended_at
    )  # fmt: skip
    if not states:
        has_none, reason = absent(beneath.contract, "ready")
        if beneath.probers.readiness:
            reason = "the service refused every question for readiness for asking too often"
        for name in ("readiness_red_after", "readiness_green_after"):
            yield Observation(name=name, value=None, unit="s", n=0, not_applicable=has_none, detail=reason)
        return
    yield _red_after(story, states)
    green = beneath.ready_since(story.heal_began_at)
    yield Observation(
        name="readiness_green_after", value=max(0.0, (green or story.gave_up_at) - story.healed_at), unit="s",
        n=len(states), load_sensitive=green is not None, lower_bound=green is None,
        detail="" if green else "it did not call itself ready again",
    )  # fmt: skip


def _red_after(story: Story, states: Sequence[Reply]) -> Observation:
    """Only what was green just before the fault, and was asked during it, can have gone red by it."""
    last = next((one for one in reversed(states) if one.ended_at <= story.touched_at), None)
    missing = ""
    if last is None or not last.succeeded or last.ended_at < story.touched_at - SHORTLY_SECONDS:
        missing = f"it did not call itself ready within {SHORTLY_SECONDS:.0f} s before the fault"
    elif not any(story.broke_at <= one.sent_at <= story.healed_at for one in states):
        missing = "no question for readiness was let through during the fault"
    if missing:
        return Observation(name="readiness_red_after", value=None, unit="s", n=0, detail=missing)
    red = next((one for one in states if one.sent_at >= story.broke_at and not one.succeeded), None)
    red = red if red and red.ended_at <= story.healed_at else None
    return Observation(
        name="readiness_red_after", value=(red.ended_at if red else story.heal_began_at) - story.broke_at, unit="s",
        n=len(states), load_sensitive=red is not None, lower_bound=red is None,
        detail=f"answered {red.status or red.detail}" if red else "it called itself ready all the time",
    )  # fmt: skip


def _write_outage(story: Story, ledger: Ledger) -> Observation:
    last, first = ledger.write_gap(story.broke_at, story.gave_up_at)
    acknowledged = ledger.acknowledged_before(story.ended_at)
    resumed = any(one.ended_at >= first for one in acknowledged)
    return Observation(
        name="write_outage", value=first - last, unit="s", n=len(acknowledged), load_sensitive=resumed,
        lower_bound=not resumed, detail="" if resumed else "no write was acknowledged any more",
    )  # fmt: skip


def timeline(context: Context, story: Story, beneath: Beneath) -> Timeline:
    """The scenario on the run's clock."""
    at = context.recorder.elapsed_s
    spans: list[Span] = []
    marks: list[Mark] = []
    for one in story.broken:
        spans.append(Span(name=one.name, start_s=at(one.began_at), end_s=at(one.landed_at), kind="fault"))
        spans.append(
            Span(name=f"{one.name} held", start_s=at(one.landed_at), end_s=at(story.heal_began_at), kind="hold")
        )
        marks.append(Mark(name=f"{one.name} takes effect", at_s=at(one.injected_at)))
    spans.append(Span(name="healing", start_s=at(story.heal_began_at), end_s=at(story.healed_at), kind="recovery"))
    marks.append(Mark(name="healed", at_s=at(story.healed_at)))
    if story.recovered_at is not None:
        marks.append(Mark(name="right answers again", at_s=at(story.recovered_at)))
    return Timeline(spans=tuple(spans), marks=tuple(marks), series=tuple(_series(context, story, beneath)))


def _series(context: Context, story: Story, beneath: Beneath) -> Iterator[Series]:
    at = context.recorder.elapsed_s
    replies = sorted(beneath.probers.replies, key=lambda one: one.sent_at)
    yield Series(
        name="search latency", unit="s", points=tuple((at(one.sent_at), round(one.seconds, 4)) for one in replies)
    )
    errors = [one.ended_at for one in replies if not one.succeeded]
    yield Series(name="search errors", unit="count", points=_binned(context, story, errors))
    if beneath.ledger is not None:
        acknowledged = [one.ended_at for one in beneath.ledger.acknowledged_before(story.ended_at)]
        yield Series(name="acknowledged writes", unit="count", points=_binned(context, story, acknowledged))


def _binned(context: Context, story: Story, instants: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """How many instants fall into each tenth of a second, empty ones included."""
    counts = Counter(int((instant - story.began_at) / BIN_SECONDS) for instant in instants)
    bins = range(int((story.ended_at - story.began_at) / BIN_SECONDS) + 1)
    begin = context.recorder.elapsed_s(story.began_at)
    return tuple((round(begin + number * BIN_SECONDS, 3), float(counts[number])) for number in bins)
