"""Running the items of a plan: readers side by side, the rest alone; one crash is one UNKNOWN."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import DeadlineExceeded, Interrupted, NotMeasurable
from gonogo.core.event import HarnessFailed, ItemFinished, ItemStarted
from gonogo.core.outcome import Effect, Kind
from gonogo.core.plan import Plan, PlanItem
from gonogo.engine.cpu import SAMPLE_SECONDS, CpuMeter, Sample, contention
from gonogo.rundir.directory import RunDirectory

READERS = 4  # checks that only read run this many at a time
QUIET = "quiet_host"  # an item that uses it measures times, and runs alone even where it only reads
TIMED = (Kind.LOAD, Kind.CHAOS, Kind.DRILL)  # these measure times, whatever they use
POLL_S = 0.2
SHORTEST_SECONDS = 2 * SAMPLE_SECONDS  # in less the host's clock ticks too rarely
SAMPLES_KEPT = 64
GRACE_S = 20.0  # what an item gets beyond its limit to end by itself
HEALING_GRACE_S = 90.0  # and one that breaks things: healing has a minute of its own
Runner = Callable[[PlanItem, Deadline], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an item ended when it did not end well; empty when it did."""

    unmeasurable: str | None = None
    cause: str = ""
    traceback: str | None = None


class Executor:
    """Runs items, records how they started and ended."""

    def __init__(self, directory: RunDirectory, meter: CpuMeter, interruption: Interruption, runner: Runner) -> None:
        self._directory = directory
        self._meter = meter
        self._interruption = interruption
        self._runner = runner
        self._locks: dict[str, threading.Lock] = {}
        self._abandoned = False  # an item that changes things goes on against all limits: nothing may run beside it
        self._given_up: list[threading.Thread] = []  # of items that only read: they may go on computing
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self.busy_seconds = 0.0  # wall time in which at least one item ran

    def run(self, plan: Plan) -> None:
        """Run everything that is to run; returns early after an interruption."""
        batch: list[PlanItem] = []
        for item in (item for item in plan.items if item.runs):
            if item.effects is Effect.READ and QUIET not in item.uses:
                batch.append(item)
                continue
            self._side_by_side(batch)
            batch = []
            self._side_by_side([item])
        self._side_by_side(batch)

    def _side_by_side(self, items: list[PlanItem]) -> None:
        if not items:
            return
        began = time.monotonic()
        for name in {name for item in items for name in item.uses}:
            self._locks.setdefault(name, threading.Lock())
        with ThreadPoolExecutor(max_workers=min(READERS, len(items)), thread_name_prefix="item") as pool:
            for future in [pool.submit(self._locked, item) for item in items]:
                future.result()
        self.busy_seconds += time.monotonic() - began

    def _locked(self, item: PlanItem) -> None:
        """Take the item's locks in a fixed order, then run it."""
        held = [self._locks[name] for name in sorted(item.uses)]
        for lock in held:
            lock.acquire()
        try:
            if not self._interruption.is_set and not self._abandoned:
                self._recorded(item)
        finally:
            for lock in reversed(held):
                lock.release()

    def _recorded(self, item: PlanItem) -> None:
        self._directory.append(ItemStarted(id=item.id))
        before, began = self._meter.sample(), time.monotonic()
        ending = self._not_alone(item) or self._bounded(item)
        seconds, after = time.monotonic() - began, self._meter.sample()
        self._directory.append(
            ItemFinished(
                id=item.id,
                seconds=round(seconds, 6),
                cpu_seconds=round(max(0.0, after.own - before.own), 3),
                contention=self._contention(before, after),
                unmeasurable=ending.unmeasurable,
                cause=ending.cause,
                traceback=ending.traceback,
            )
        )

    def _not_alone(self, item: PlanItem) -> Ending | None:
        """Why times cannot be measured now: what a given-up item computes counts as our own, not as the host's."""
        if item.kind not in TIMED and QUIET not in item.uses:
            return None
        beside = [thread.name for thread in self._given_up if thread.is_alive()]
        if not beside:
            return None
        reason = f"it measures times, and {', '.join(beside)}, which was given up, still runs beside it"
        return Ending(unmeasurable=reason, cause="not_measurable")

    def _contention(self, before: Sample, after: Sample) -> float | None:
        """Of the item's own time; one too short to tell shares that of what came just before it."""
        self._samples += [before, after]
        earlier = (one for one in reversed(tuple(self._samples)) if after.at - one.at >= SHORTEST_SECONDS)
        return contention(min(before, next(earlier, before), key=lambda one: one.at), after)

    def _bounded(self, item: PlanItem) -> Ending:
        """Run the item in a thread of its own, so that one that hangs costs its limit and no more."""
        endings: list[Ending] = []
        thread = threading.Thread(target=lambda: endings.append(self._ending(item)), name=item.id, daemon=True)
        thread.start()
        grace = HEALING_GRACE_S if item.effects is Effect.DISRUPTIVE else GRACE_S
        limit = Deadline.after(item.time_limit_s + grace)
        while thread.is_alive() and not limit.expired:
            thread.join(POLL_S)
            if self._interruption.is_set:
                thread.join(limit.within(grace).remaining_seconds)
                break
        if endings:
            return endings[0]
        reason = f"still running {grace:.0f} s after it had to end (time limit {item.time_limit_s:.0f} s)"
        if item.effects is Effect.READ:
            self._given_up.append(thread)
        else:
            self._abandoned = True
            self._directory.append(HarnessFailed(reason=f"{item.id} is {reason}: nothing was run beside it any more"))
        return Ending(unmeasurable=reason, cause="time_limit", traceback=_where(thread))

    def _ending(self, item: PlanItem) -> Ending:
        try:
            self._runner(item, Deadline.after(item.time_limit_s, self._interruption))
        except Interrupted as error:
            return Ending(unmeasurable=f"interrupted: {error}", cause="interrupted")
        except DeadlineExceeded as error:
            return Ending(unmeasurable=str(error), cause="time_limit")
        except NotMeasurable as error:
            return Ending(unmeasurable=str(error) or type(error).__name__, cause="not_measurable")
        except Exception as error:  # noqa: BLE001 - the item boundary: one crash is one UNKNOWN, with its traceback
            text = "".join(traceback.format_exception(error))
            return Ending(unmeasurable=f"crashed: {type(error).__name__}: {error}", cause="crashed", traceback=text)
        return Ending()


def _where(thread: threading.Thread) -> str | None:
    """Where a thread that goes on is now, None when it has just ended."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else None
