"""Quantities as people write them: `30s`, `512MiB`, `1%`, `200/s`.

Everything is kept in base units: seconds, bytes, fractions, events per second.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

TIME_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
RATE_UNITS = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}
PATTERN = re.compile(r"^\s*(?P<number>[-+]?\d[\d_]*(?:\.\d+)?)\s*(?P<unit>%|/?[A-Za-z]+)?\s*$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in base units; `unit` is "s", "B", "1", "1/s" or "" for a bare number."""

    value: float
    unit: str


def parse_quantity(text: str | float) -> Quantity:
    """Read a number with an optional unit.

    >>> parse_quantity("300ms")
    Quantity(value=0.3, unit='s')
    >>> parse_quantity("1%")
    Quantity(value=0.01, unit='1')
    >>> parse_quantity("512MiB")
    Quantity(value=536870912, unit='B')
    >>> parse_quantity("50/s")
    Quantity(value=50.0, unit='1/s')
    >>> parse_quantity(10_000)
    Quantity(value=10000, unit='')
    >>> parse_quantity("5 parsecs")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: unknown unit 'parsecs' in '5 parsecs'; allowed: us, ms, s, min, h, d, w, ...
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return Quantity(text, "")
    match = PATTERN.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 30s, 512MiB, 1% or 200/s")
    digits = match["number"].replace("_", "")
    number = float(digits) if "." in digits else int(digits)
    unit = match["unit"] or ""
    if unit == "%":
        return Quantity(number / 100, "1")
    for dimension, factors in (("s", TIME_UNITS), ("B", SIZE_UNITS), ("1/s", RATE_UNITS)):
        if unit in factors:
            return Quantity(number * factors[unit], dimension)
    if unit:
        allowed = ", ".join([*TIME_UNITS, *SIZE_UNITS, "%", *RATE_UNITS])
        raise ValueError(f"unknown unit {unit!r} in {text!r}; allowed: {allowed}")
    return Quantity(number, "")


def same_unit(*quantities: Quantity) -> bool:
    """Whether quantities can be compared: a fraction may be a bare number, zero is zero in every unit.

    >>> same_unit(parse_quantity("1%"), parse_quantity(0.05)), same_unit(parse_quantity("5s"), parse_quantity(0))
    (True, True)
    >>> same_unit(parse_quantity("5s"), parse_quantity(300))
    False
    """
    units = {one.unit for one in quantities if one.unit or one.value != 0}
    return len(units) < 2 or units == {"", "1"}


def format_seconds(seconds: float) -> str:
    """Seconds for people.

    >>> [format_seconds(s) for s in (0, 0.0004, 0.0123, 1.5, 75, 7200, 604_800)]
    ['0 s', '0.4 ms', '12.3 ms', '1.50 s', '1 min 15 s', '2 h 0 min', '7 d 0 h']
    """
    if seconds == 0:
        return "0 s"
    if abs(seconds) < 1:
        return f"{seconds * 1000:.1f} ms"
    if abs(seconds) < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def format_bytes(size_bytes: float) -> str:
    """Bytes for people.

    >>> [format_bytes(b) for b in (12, 2048, 21_000_000)]
    ['12 B', '2.0 KiB', '20.0 MiB']
    """
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_value(value: object, unit: str = "") -> str:
    """Any observed or expected value with its unit, for people.

    >>> format_value(0.0153, "s"), format_value(0.97, "1"), format_value(0, "count"), format_value(True)
    ('15.3 ms', '97.0 %', '0', 'true')
    >>> format_value(49.62841, "1/s")
    '49.63 /s'
    >>> format_value(("a", "b"))
    'a, b'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(entry) for entry in value) or "nothing"
    if value is None:
        return "nothing"
    if not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "no finite number"
    if unit == "s":
        return format_seconds(value)
    if unit == "B":
        return format_bytes(value)
    if unit == "1":
        return f"{value * 100:.1f} %"
    if unit == "1/s":
        return f"{value:.4g} /s"
    return f"{value:g}" if isinstance(value, float) else str(value)
