"""A fault that cannot be healed keeps none of the others from being healed."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.event import Event, FaultHealed, FaultInjected, FaultUnhealed
from gonogo.faults import FaultDidNotHeal
from gonogo.judge.findings import sort_events
from gonogo.rundir.directory import Logged
from gonogo.runners import chaos
from gonogo.runners.chaos import Landed
from gonogo.stacks.context import Context


@dataclass
class Broken:
    """A fault in effect, of which a test decides whether it can be healed."""

    stays: bool = False
    healed: bool = False
    proof: str = "it landed"
    injected_at: float = 0.0

    def heal(self, context: Context) -> str:  # noqa: ARG002 - the protocol
        """Heal, or not."""
        if self.stays:
            raise FaultDidNotHeal("it stays")
        self.healed = True
        return "it is gone"


@dataclass
class Kept:
    """Keeps events."""

    item_id: str = "chaos/test"
    events: list[Event] = field(default_factory=list)

    def event(self, event: Event) -> None:
        """Keep one."""
        self.events.append(event)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What was told; healing takes no other context than the test's."""
    monkeypatch.setattr(chaos, "unhurried", lambda context: context)
    return Kept()


def landed(name: str, number: int, injected: Broken) -> Landed:
    return Landed(name=name, number=number, injected=injected)


def test_the_others_are_healed_all_the_same(recorder: Kept) -> None:
    context = cast("Context", SimpleNamespace(recorder=recorder, cache={}))
    first, third = landed("first", 1, Broken()), landed("third", 3, Broken())
    second = landed("second", 2, Broken(stays=True))

    with pytest.raises(NotMeasurable, match="second could not be undone: it stays"):
        chaos._heal_all(context, [first, second, third])

    assert recorder.events == [
        FaultHealed(id="chaos/test", fault="third", proof="it is gone", number=3),
        FaultUnhealed(id="chaos/test", fault="second", reason="it stays", number=2),
        FaultHealed(id="chaos/test", fault="first", proof="it is gone", number=1),
    ]
    assert context.cache[chaos.LEFTOVERS] == [second]


def test_of_two_faults_of_one_name_the_one_that_stays_is_not_hidden_by_the_other(recorder: Kept) -> None:
    context = cast("Context", SimpleNamespace(recorder=recorder, cache={}))
    killed = [landed("service_killed", 1, Broken()), landed("service_killed", 2, Broken(stays=True))]

    with pytest.raises(NotMeasurable, match="could not be undone"):
        chaos._heal_all(context, killed)

    told = [
        *(FaultInjected(id="chaos/test", fault=one.name, proof="it landed", number=one.number) for one in killed),
        *recorder.events,
    ]
    log = sort_events(Logged(sequence=n, t=float(n), at="", event=one) for n, one in enumerate(told, 1))
    assert log.open_faults == {("chaos/test", "service_killed", 2): "it stays"}
