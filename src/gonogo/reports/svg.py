"""Small SVG drawings without a library: a report must open in ten years.

Everything is placed in percent of the width, so that text keeps its size from a phone to a poster; curves are drawn
in a nested viewport that stretches. Colours and dashes are classes of the report's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]
CURVE_WIDTH = 1000  # units of the stretched viewport of a curve
CURVE_HEIGHT = 100
BUCKETS = 240  # a curve keeps the smallest and the largest value of each: no spike is lost
SCALES = {
    "s": ((60.0, "min", 120.0), (1.0, "s", 1.0), (0.001, "ms", 0.0)),
    "B": ((2.0**30, "GiB", 2.0**30), (2.0**20, "MiB", 2.0**20), (2.0**10, "KiB", 2.0**10), (1.0, "B", 0.0)),
    "1": ((0.01, "%", 0.0),),
    "1/s": ((1.0, "/s", 0.0),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear axis: ticks in base units and their labels."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def percent(self, value: float) -> float:
        """Where `value` lies between 0 and 100; values outside are put on the edge."""
        return max(0.0, min(100.0, 100 * (value - self.low) / (self.high - self.low)))


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """One element; `content` is markup, attributes are escaped. `class_` and `stroke_width` lose and gain signs.

    >>> element("text", "a", x=12.5, class_='"x"')
    '<text x="12.5" class="&quot;x&quot;">a</text>'
    """
    parts = [f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"' for key, value in attributes.items()]
    return f"<{name}{''.join(parts)}>{content}</{name}>"


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate, short.

    >>> number(12.3456), number(3.0), number(-0.001)
    ('12.35', '3', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def share(value: float) -> str:
    """A percentage attribute."""
    return f"{number(value)}%"


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round steps (1, 2, 5 times a power of ten) that reach from at or below `low` to at or above `high`.

    >>> nice_ticks(0, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> nice_ticks(0, 0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        high = low + 1
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def axis(low: float, high: float, unit: str, *, count: int = 5, tight: bool = False) -> Axis:
    """An axis in the unit people would choose for its largest value. `tight` ends at `high`, else at a tick."""
    factor, name, _ = next(
        (scale for scale in SCALES.get(unit, ()) if max(abs(low), abs(high)) >= scale[2]), (1.0, "", 0.0)
    )
    ticks = [tick * factor for tick in nice_ticks(low / factor, high / factor, count)]
    if tight:
        high = high if high > low else low + 1
        ticks = [tick for tick in ticks if low <= tick <= high]
    else:
        low, high = ticks[0], ticks[-1]
    labels = tuple((tick, f"{round(tick / factor, 9):g} {name}".rstrip()) for tick in ticks)
    return Axis(low=low, high=high, ticks=labels)


def downsample(points: Sequence[Point], buckets: int = BUCKETS) -> list[Point]:
    """At most two points for each stretch of time: its smallest and its largest value, in their order.

    >>> downsample([(0, 1), (1, 9), (2, 1), (3, 1)], buckets=1)
    [(0, 1), (1, 9)]
    """
    kept = [point for point in points if math.isfinite(point[1])]
    if len(kept) <= 2 * buckets:
        return kept
    start, width = kept[0][0], (kept[-1][0] - kept[0][0]) / buckets or 1.0
    grouped: dict[int, list[Point]] = {}
    for point in kept:
        grouped.setdefault(min(buckets - 1, int((point[0] - start) / width)), []).append(point)
    reduced: list[Point] = []
    for group in grouped.values():
        ends = {min(group, key=lambda one: one[1]), max(group, key=lambda one: one[1])}
        reduced.extend(sorted(ends))
    return reduced


def curve(points: Sequence[Point], x: Axis, y: Axis, style: str) -> str:
    """A line through the points, in the stretched viewport; a single point becomes a short dash."""
    placed = [
        (x.percent(at) / 100 * CURVE_WIDTH, CURVE_HEIGHT * (1 - y.percent(value) / 100))
        for at, value in downsample(points)
    ]
    if len(placed) == 1:
        placed.append((placed[0][0] + 4, placed[0][1]))
    path = " ".join(f"{'L' if index else 'M'}{number(left)} {number(top)}" for index, (left, top) in enumerate(placed))
    return element("path", d=path, class_=f"curve {style}", vector_effect="non-scaling-stroke") if path else ""


def plot_area(content: str, *, top: float, height: float) -> str:
    """The viewport of curves: as wide as the drawing, `height` pixels high."""
    box = f"0 0 {CURVE_WIDTH} {CURVE_HEIGHT}"
    return element("svg", content, y=top, width="100%", height=height, viewBox=box, preserveAspectRatio="none")


def text_at(percent_x: float, y: float, content: str, style: str, *, offset: float = 0) -> str:
    """Text at a percentage of the width, `offset` pixels further; never cut off at either edge."""
    anchor = "start" if percent_x < 4 else "end" if percent_x > 96 else "middle"
    if offset:
        anchor = "start"
    return element("text", escape(content), x=share(percent_x), dx=offset, y=y, class_=style, text_anchor=anchor)


def drawing(content: str, *, identifier: str, title: str, description: str, height: float) -> str:
    """A whole picture with the name and description that a screen reader tells."""
    head = element("title", escape(title), id=f"{identifier}-title")
    head += element("desc", escape(description), id=f"{identifier}-desc")
    return element(
        "svg",
        head + content,
        class_="drawing",
        width="100%",
        height=height,
        role="img",
        aria_labelledby=f"{identifier}-title",
        aria_describedby=f"{identifier}-desc",
    )


def bar(fraction: float, style: str, *, height: float = 10) -> str:
    """A horizontal bar of 0-1; decoration beside its number, so hidden from screen readers."""
    track = element("rect", width="100%", height=height, rx=height / 2, class_="bar-track")
    width = share(100 * max(0.0, min(1.0, fraction)))
    value = element("rect", width=width, height=height, rx=height / 2, class_=f"bar-value {style}")
    return element("svg", track + value, class_="bar", width="100%", height=height, aria_hidden="true")
