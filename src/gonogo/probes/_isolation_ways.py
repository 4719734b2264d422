"""What one way of looking for a leak came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gonogo.core.errors import NotMeasurable


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one way of looking came to. `controls`: how often the owner did find what is its own."""

    way: str
    tried: int
    controls: int
    leaks: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()  # a guard that refuses by an error that only a bug explains
    notes: tuple[str, ...] = ()  # what could not be looked at
    unmeasurable: str = ""  # why nothing can be said of this way

    @property
    def sentence(self) -> str:
        """For the evidence."""
        counted = f"{self.tried} tried, {self.controls} controls, {len(self.leaks)} leaks"
        return self.unmeasurable or ", ".join([counted, *self.notes])


def attempt(way: str, act: Callable[[], Found]) -> Found:
    """Try one way; what keeps it from being measured is noted, so that what others found is not lost."""
    try:
        return act()
    except NotMeasurable as error:
        return Found(way=way, tried=0, controls=0, unmeasurable=str(error))
