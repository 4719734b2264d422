"""Several strategies after the same disaster: one source, one ledger, one instant of loss, then restore after restore.

Every strategy is drilled as it would be alone, and its findings are its own. What is compared is kept beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import psycopg

from gonogo.core.errors import DeadlineExceeded, GonogoError, NotMeasurable, StackError
from gonogo.core.event import Event, ObservationMade
from gonogo.core.observation import Observation, Table
from gonogo.drills import Aiming, Artefact
from gonogo.rundir.directory import Recorder
from gonogo.runners import strategies_report
from gonogo.runners.drill import Drill, asked, back_up, before_the_disaster, check_disk_space, lose_source, restore
from gonogo.runners.strategies_report import Compared, LeftOut
from gonogo.spec.verification import DrillSpec
from gonogo.stacks.context import Context


class Noting(Recorder):
    """Keeps the observations of a drill for the comparison; `silent`, it tells nobody else of them."""

    def __init__(self, recorder: Recorder, *, silent: bool = False, folder: str = "") -> None:
        super().__init__(recorder.directory, recorder.item_id)
        self.observations: list[Observation] = []
        self._recorder = recorder
        self._silent = silent
        self._folder = folder

    def event(self, event: Event) -> None:
        """Keep an observation, pass every event on."""
        if isinstance(event, ObservationMade):
            self.observations.append(event.observation)
        if not self._silent:
            self._recorder.event(event)

    def artifact(self, name: str, content: bytes | str) -> str:
        """Evidence of a second restore does not replace that of the first."""
        return self._recorder.artifact(f"{self._folder}{name}", content)


@dataclass(slots=True, kw_only=True)
class Strategy:
    """One strategy, by the id of its drill."""

    identifier: str
    spec: DrillSpec
    recorder: Recorder
    artefact_defect: str | None = None
    drill: Drill | None = None
    trouble: str = ""  # why nothing can be said of it
    stopped: Future[None] | None = None
    compared: Compared | None = None


@dataclass(slots=True, kw_only=True)
class Strategies:
    """Strategies that are compared. The first that is restored makes the disaster, with all backups before it."""

    strategies: Sequence[Strategy]
    left_out: Sequence[LeftOut] = ()
    _resources: ExitStack = field(default_factory=ExitStack)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(thread_name_prefix="ends a receiver"))
    _lost: bool = False
    _trouble: str = ""  # why there was no disaster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for strategy in self.strategies:
            if strategy.drill is not None and strategy.stopped is None:
                strategy.drill.stop()
        self._pool.shutdown()
        self._resources.close()

    def restore(self, identifier: str, context: Context) -> None:
        """Drill one strategy as if it were alone. Raises NotMeasurable."""
        (strategy,) = [one for one in self.strategies if one.identifier == identifier]
        if not self._lost:
            self._lost = True
            self._lose(context)
        if self._trouble or strategy.drill is None:
            raise NotMeasurable(strategy.trouble or f"there was no disaster to recover from: {self._trouble}")
        if strategy.stopped is not None:
            strategy.stopped.result()
        try:
            strategy.compared = _drilled(strategy.drill, strategy, context)
        except GonogoError as error:
            strategy.trouble = str(error)
            raise
        if isinstance(strategy.drill.method, Aiming) and strategy.drill.artefact is not None:
            strategy.compared = None  # of a recovery to a moment, and lost is what came after it
            try:
                strategy.compared = _to_the_end(strategy.drill, strategy.drill.artefact, strategy, context)
            except (NotMeasurable, DeadlineExceeded, StackError) as error:  # its findings stand
                strategy.trouble = f"to the end of what there is: {error}"

    def table(self) -> Table | None:
        """All strategies side by side; None where no backup was made."""
        rows = [
            one.compared or Compared(name=one.spec.method, identifier=one.identifier, trouble=one.trouble or "not run")
            for one in self.strategies
        ]
        return strategies_report.table(rows, self.left_out) if self._lost and not self._trouble else None

    # --- until the disaster

    def _lose(self, context: Context) -> None:
        try:
            self._back_up(context)
            made = [one.drill for one in self.strategies if one.drill is not None]
            if not made:
                raise NotMeasurable("no strategy got as far as the disaster")
            lose_source(made)
        except BaseException as error:
            self._trouble = str(error) or type(error).__name__
            raise
        others = [one for one in self.strategies if one.drill is not None][1:]
        for strategy in others:  # at the same instant; their tidying up is no part of the first one's restore
            assert strategy.drill is not None
            strategy.stopped = self._pool.submit(strategy.drill.stop)

    def _back_up(self, context: Context) -> None:
        check_disk_space(context, len(self.strategies))
        _, _, source = asked(context, self.strategies[0].spec)
        before = self._resources.enter_context(before_the_disaster(context, source))
        for number, strategy in enumerate(self.strategies):
            own = replace(context, recorder=strategy.recorder)
            folder = before.folder / str(number)
            folder.mkdir()
            try:
                method, parameters, server = asked(own, strategy.spec)
                if server is not source:
                    raise NotMeasurable(f"it backs up {server.name}, and what is lost is {source.name}")
                drill = Drill(context=own, method=method, parameters=parameters, source=source, before=before)
                strategy.drill = drill
                back_up(drill, folder, strategy.artefact_defect)
                self._see_that_it_is_promoted_first(strategy)
            except (GonogoError, psycopg.Error, OSError) as error:
                if strategy.drill is not None:
                    strategy.drill.stop()
                context.deadline.check("the backups are made")
                strategy.drill, strategy.trouble = None, f"no backup: {error}"

    def _see_that_it_is_promoted_first(self, strategy: Strategy) -> None:
        """What stands by goes on following; only the first restore begins at the disaster itself."""
        before = [one for one in self.strategies if one.drill is not None and one is not strategy]
        if strategy.drill is not None and strategy.drill.standby is not None and before:
            raise NotMeasurable("a standby is promoted at the disaster itself, and another restore begins there")


def _drilled(drill: Drill, strategy: Strategy, context: Context, *, silent: bool = False) -> Compared:
    noting = Noting(strategy.recorder, silent=silent, folder="to_the_end/" if silent else "")
    drill.context = replace(context, recorder=noting)
    restore(drill)
    return strategies_report.compared(drill, strategy.identifier, strategy.spec.method, noting.observations)


def _to_the_end(aimed: Drill, artefact: Artefact, strategy: Strategy, context: Context) -> Compared:
    """What the disaster itself costs: recovery to an earlier moment loses what came after it, on purpose."""
    assert isinstance(aimed.method, Aiming)
    context.progress("restoring once more, to the end of what there is, for the comparison")
    again = Drill(
        context=context, method=aimed.method, parameters=aimed.method.to_the_end(aimed.parameters),
        source=aimed.source, before=aimed.before, disaster_at=aimed.disaster_at,
        artefact=replace(artefact, target=None),
    )  # fmt: skip
    return replace(_drilled(again, strategy, context, silent=True), to_the_end=True)
