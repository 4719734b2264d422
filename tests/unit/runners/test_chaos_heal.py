"""A fault that cannot be healed keeps none of the others from being healed."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.event import Event, FaultHealed, FaultUnhealed
from gonogo.faults import FaultDidNotHeal
from gonogo.runners import chaos
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


def test_the_others_are_healed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "unhurried", lambda context: context)
    recorder = Kept()
    context = cast("Context", SimpleNamespace(recorder=recorder, cache={}))
    first, second, third = Broken(), Broken(stays=True), Broken()
    injected: list[tuple[str, Any]] = [("first", first), ("second", second), ("third", third)]

    with pytest.raises(NotMeasurable, match="second could not be undone: it stays"):
        chaos._heal_all(context, injected)

    assert (first.healed, third.healed) == (True, True)
    assert recorder.events == [
        FaultHealed(id="chaos/test", fault="third", proof="it is gone"),
        FaultUnhealed(id="chaos/test", fault="second", reason="it stays"),
        FaultHealed(id="chaos/test", fault="first", proof="it is gone"),
    ]
    assert context.cache[chaos.LEFTOVERS] == [("second", second)]
