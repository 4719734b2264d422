"""Expectations: an observation's name and one typed matcher, with the smallest number of samples that counts."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, model_validator

from gonogo.core.finding import Expectation
from gonogo.core.observation import Scalar
from gonogo.core.quantity import parse_quantity
from gonogo.spec.base import Spec

OBJECTIVE = re.compile(r"\$\{objectives\.(\w+)\}")
ORDERED = ("at_most", "at_least", "between")
MATCHERS = (*ORDERED, "equals", "one_of", "matches", "empty", "contains")
Written = bool | int | float | str


class ExpectationSpec(Spec):
    """Exactly one matcher; `min_n` samples at least (default 1), else the expectation is UNKNOWN."""

    at_most: int | float | str | None = None
    at_least: int | float | str | None = None
    between: tuple[int | float | str, int | float | str] | None = None
    equals: Written | None = None
    one_of: tuple[Written, ...] | None = None
    matches: str | None = None
    empty: bool | None = None
    contains: Written | None = None
    min_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_matcher(self) -> ExpectationSpec:
        given = [name for name in MATCHERS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one matcher is needed, found {given or 'none'}; allowed: {', '.join(MATCHERS)}")
        if self.matches is not None:
            re.compile(self.matches)
        for value in self._ordered_values():
            if not is_reference(value):
                parse_quantity(value)
        return self

    def _ordered_values(self) -> tuple[Any, ...]:
        values = [getattr(self, name) for name in ORDERED if getattr(self, name) is not None]
        return tuple(values[0]) if values and isinstance(values[0], tuple) else tuple(values)

    @property
    def matcher(self) -> str:
        """The matcher's name."""
        return next(name for name in MATCHERS if getattr(self, name) is not None)

    def in_words(self) -> str:
        """What is expected, as it was written.

        >>> ExpectationSpec(at_most="300ms").in_words(), ExpectationSpec(empty=False).in_words()
        ('at most 300ms', 'not empty')
        """
        written = getattr(self, self.matcher)
        if self.matcher == "empty":
            return "empty" if written else "not empty"
        parts = written if isinstance(written, tuple) else (written,)
        return f"{self.matcher.replace('_', ' ')} {' … '.join(_as_yaml(part) for part in parts)}"

    def resolved(self, observation: str, lookup: Any) -> Expectation:
        """The expectation in base units. `lookup(text)` replaces `${…}` references; it may raise UsageError."""
        written = getattr(self, self.matcher)
        parts = written if isinstance(written, tuple) else (written,)
        values = [lookup(part) if is_reference(part) else part for part in parts]
        units: set[str] = set()
        if self.matcher in ORDERED or self.matcher == "equals":
            values, units = _in_base_units(values, strict=self.matcher in ORDERED)
        expected: Scalar | tuple[Scalar, ...] = tuple(values) if isinstance(written, tuple) else values[0]
        named = OBJECTIVE.fullmatch(written) if isinstance(written, str) else None
        text = " … ".join(_as_yaml(part) for part in values_as_written(parts, lookup))
        return Expectation(
            observation=observation,
            matcher=self.matcher,
            expected=expected,
            unit=units.pop() if units else "",
            min_n=self.min_n,
            text=text,
            objective=named[1] if named else "",
        )


def is_reference(value: Any) -> bool:
    """Whether a written value is a `${…}` reference."""
    return isinstance(value, str) and "${" in value


def values_as_written(parts: tuple[Any, ...], lookup: Any) -> list[Any]:
    """The values as a person wrote them, references replaced by what they stand for."""
    return [lookup(part) if is_reference(part) else part for part in parts]


def _as_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_base_units(values: list[Any], *, strict: bool) -> tuple[list[Any], set[str]]:
    converted, units = [], set()
    for value in values:
        try:
            quantity = parse_quantity(value)
        except ValueError:
            if strict:
                raise
            converted.append(value)
            continue
        units.add(quantity.unit)
        converted.append(quantity.value if not isinstance(value, bool) else value)
    if len(units) > 1:
        raise ValueError(f"mixed units: {sorted(units)}")
    return converted, units - {""}
