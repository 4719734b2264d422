"""What a drill of a store says: what came back, what did not, what came back that should not have; times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gonogo.core.observation import Mark, Observation, Span, Timeline
from gonogo.drills.stores import Item, Portrait
from gonogo.runners.phases import NANO, PhaseClock

if TYPE_CHECKING:
    from gonogo.runners.store_drill import StoreDrill

SHOWN = 5
FEWEST_ACKNOWLEDGED = 10  # fewer writes before the copy began say nothing about it
DIFFER, LIFETIMES, BACK = "contents_differ", "lifetimes_differ", "resurrected"


def came_back(before: Portrait, after: Portrait) -> Observation:
    """Whether every group came back, and something in each that had anything: a server starts without files, too."""
    had, has = before.groups(), after.groups()
    missing = [name for name in had if name not in has]
    detail = f"{len(after.items)} of {len(before.items)} things in {len(has)} of {len(had)} places"
    detail += f"; nothing in: {', '.join(missing)}" if missing else ""
    return Observation(name="restored", value=bool(has) and not missing, n=len(before.items), detail=detail)


def compared(before: Portrait, after: Portrait, later: Portrait, *, thrown: int, deleted: str) -> Iterator[Observation]:
    """Contents, lifetimes and what is there again. What others changed on the source meanwhile cannot be compared.

    `thrown`: how many things the stores threw away for want of room meanwhile. Those are no loss of the copy.
    `deleted`: the name of what was deleted before the copy began.
    """
    moved = _moved(before, later)
    left = {name: item for name, item in before.items.items() if name not in moved}
    yield from _contents(left, after, moved, thrown)
    yield _lifetimes(left, after)
    yield _returned(before, after, later, deleted)


def _moved(before: Portrait, later: Portrait) -> list[str]:
    """What others changed while the drill went on; what ended by itself is nothing of the kind."""
    return sorted(
        name for name, item in before.items.items()
        if later.items.get(name) != item and not _ended(item, later.read_at_ms if name not in later.items else 0)
    )  # fmt: skip


def _ended(item: Item, at_ms: int) -> bool:
    return item.expires_ms is not None and item.expires_ms <= at_ms


def _contents(left: Mapping[str, Item], after: Portrait, moved: Sequence[str], thrown: int) -> Iterator[Observation]:
    ended = [name for name, one in left.items() if name not in after.items and _ended(one, after.read_at_ms)]
    missing = [name for name in left if name not in after.items and name not in set(ended)]
    there = {name: one for name, one in left.items() if name in after.items}
    changed = [
        name for name, one in there.items()
        if (one.kind, one.digest) != (after.items[name].kind, after.items[name].digest)
    ]  # fmt: skip
    dark = [name for name, one in there.items() if one.digest is None]
    wrong = [f"missing: {name}" for name in missing] + [f"other value: {name}" for name in changed]
    equal = f"{len(there) - len(changed)} things are equal"
    equal += f", {len(ended)} ended by themselves" if ended else ""
    value, evicted = _unless_thrown(len(wrong), thrown if not changed else 0)
    yield Observation(name=DIFFER, value=value, unit="count", n=len(left), detail=evicted or listed(wrong) or equal)
    if moved or dark:
        what = [f"changed by others meanwhile: {name}" for name in moved] + [f"of unknown kind: {one}" for one in dark]
        share = bool(left) and not dark
        yield Observation(
            name=DIFFER, subject="not compared", value=None, not_applicable=share, n=len(what), detail=listed(what)
        )


def _unless_thrown(missing: int, thrown: int) -> tuple[int | None, str]:
    """What is missing where things were thrown away for want of room is not known to be a loss."""
    unsure = bool(missing and thrown)
    return None if unsure else missing, f"{thrown} were thrown away for want of room meanwhile" if unsure else ""


def _lifetimes(left: Mapping[str, Item], after: Portrait) -> Observation:
    """A thing that forgot when it ends stays for ever; one with another end lives longer or shorter than agreed."""
    kept = {name: one for name, one in left.items() if name in after.items}
    timed = {name for name, one in kept.items() if one.expires_ms is not None}
    wrong = [
        f"{name}: {_end(one)} before, {_end(after.items[name])} restored"
        for name, one in kept.items() if one.expires_ms != after.items[name].expires_ms
    ]  # fmt: skip
    if not timed and not wrong:
        detail = "nothing that this store keeps ends by itself"
        return Observation(name=LIFETIMES, value=None, not_applicable=True, detail=detail)
    detail = listed(wrong) or f"{len(timed)} things end when they were to end"
    return Observation(name=LIFETIMES, value=len(wrong), unit="count", n=len(timed | {*wrong}), detail=detail)


def _end(item: Item) -> str:
    return "for ever" if item.expires_ms is None else f"until {item.expires_ms / 1000:.3f}"


def _returned(before: Portrait, after: Portrait, later: Portrait, deleted: str) -> Observation:
    """What the source had neither before nor afterwards. Others may have written it, and deleted it, in between.

    Where it is known to have been deleted before, the copy is older than that, and so is everything else of it.
    """
    again = sorted(
        name for name in after.items.keys() - before.items.keys() - later.items.keys()
        if not _ended(after.items[name], later.read_at_ms)
    )  # fmt: skip
    known = not again or any(name.startswith(deleted) for name in again)
    detail = listed(again) or "nothing is there that was not there when the copy was made"
    detail = detail if known else f"in the source neither before nor after, perhaps in between: {detail}"
    value = len(again) if known else None
    return Observation(name=BACK, subject="contents", value=value, unit="count", n=len(after.items), detail=detail)


def recall(before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]] | str) -> Iterator[Observation]:
    """How many of the true neighbours are found, against how many the source found. A text says why none is known.

    Each collection is judged by itself: one that is lost would not show among many that are well.
    """
    from gonogo.pg.vectors import mean_with_interval  # noqa: PLC0415 - stores without vectors need no numpy

    before = {name: samples for name, samples in before.items() if samples}
    if isinstance(after, str) or not before:
        detail = after if isinstance(after, str) else "the store holds no vectors to search"
        yield Observation(name="recall_drop", value=None, unit="1", detail=detail)
        return
    for subject, by_collection in (("source", before), ("restored", after)):
        mean = mean_with_interval([one for name in before for one in by_collection[name]])
        yield Observation(
            name="recall_at_10", subject=subject, value=mean.mean, unit="1", n=mean.n, low=mean.low, high=mean.high
        )
    for name, was in before.items():
        drop = mean_with_interval([then - now for then, now in zip(was, after[name], strict=True)])
        yield Observation(
            name="recall_drop", subject=name, value=drop.mean, unit="1", n=drop.n, low=drop.low, high=drop.high,
            detail="source minus restored; the truth is computed from the vectors of the source",
        )  # fmt: skip


def ledger(drill: StoreDrill, there: set[int], thrown: int) -> Iterator[Observation]:
    """What was acknowledged before the copy began has to be there; what came later is the RPO of this copy."""
    assert drill.artefact is not None
    inside = drill.ledger.counted(there, until=drill.artefact.covers_until)
    whole = drill.ledger.counted(there, until=drill.disaster_at)
    returned, deletions = drill.ledger.back_again(there, until=drill.artefact.covers_until)
    if inside.acknowledged < FEWEST_ACKNOWLEDGED or not deletions:
        detail = f"only {inside.acknowledged} writes and {deletions} deletions were acknowledged before the copy began"
        for name in ("writes_missing_from_backup", "holes", "rpo"):
            yield Observation(name=name, value=None, n=inside.acknowledged, detail=detail)
        yield Observation(name=BACK, subject="ledger", value=None, n=deletions, detail=detail)
        return
    detail = f"{inside.lost} of {inside.acknowledged} writes acknowledged before the copy began are not in it"
    value, evicted = _unless_thrown(inside.lost, thrown)
    yield Observation(
        name="writes_missing_from_backup", value=value, unit="count", n=inside.acknowledged, detail=evicted or detail
    )
    detail = f"{whole.lost} of {whole.acknowledged} acknowledged writes are lost, {whole.survivors} are there"
    detail += f"; {whole.indeterminate} indeterminate" if whole.indeterminate else ""
    seconds = whole.rpo_seconds(drill.disaster_at)
    yield Observation(name="rpo", value=seconds, unit="s", n=whole.acknowledged, detail=detail)
    numbers = {"acknowledged_writes_lost": whole.lost, "holes": whole.holes, "unexpected_writes": whole.unexpected}
    for name, number in numbers.items():
        value, evicted = _unless_thrown(number, thrown if name == "holes" else 0)
        yield Observation(name=name, value=value, unit="count", n=whole.acknowledged, detail=evicted or detail)
    detail = f"{returned} of {deletions} entries are back whose deletion was acknowledged before the copy began"
    yield Observation(name=BACK, subject="ledger", value=returned, unit="count", n=deletions, detail=detail)


def times(clock: PhaseClock, *, right: bool, trouble: str, poll_seconds: float) -> Iterator[Observation]:
    """From the disaster to the first right answer, in phases. A store that never answers right has no RTO."""
    resolution = f"until what was known comes back as it was; measured every {poll_seconds * 1000:.0f} ms"
    yield Observation(
        name="rto", value=clock.total_seconds() if right else None, unit="s", n=1, load_sensitive=True,
        detail=resolution if right else f"never reached: {trouble}",
    )  # fmt: skip
    yield from phases(clock)


def phases(clock: PhaseClock) -> Iterator[Observation]:
    """The parts of the RTO."""
    for phase in clock.phases:
        yield Observation(
            name="phase_seconds", subject=phase.name, value=phase.seconds, unit="s", n=1, load_sensitive=True
        )


def timeline(drill: StoreDrill) -> Timeline:
    """The copy, the disaster, and the phases of the restore."""
    since_start = drill.context.recorder.elapsed_s
    spans = []
    if drill.artefact is not None:
        began = since_start(drill.artefact.covers_until)
        spans.append(Span(name="copy", start_s=began, end_s=began + drill.artefact.seconds))
    spans += spans_of(drill.clock, since_start) if drill.clock else []
    marks = [Mark(name="disaster", at_s=since_start(drill.disaster_at))]
    if drill.right and drill.clock is not None:
        marks.append(Mark(name="rto", at_s=since_start(drill.clock.started + drill.clock.total_seconds())))
    return Timeline(spans=tuple(spans), marks=tuple(marks))


def spans_of(clock: PhaseClock, since_start: Callable[[float], float]) -> list[Span]:
    """The phases on a timeline."""
    return [
        Span(name=one.name, start_s=since_start(one.start_ns * NANO), end_s=since_start(one.end_ns * NANO))
        for one in clock.phases
    ]


def listed(sentences: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more
