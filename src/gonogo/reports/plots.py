"""Plots of what was measured over time, with the limit and the faults in them, and the same in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from gonogo.core.observation import Series
from gonogo.core.quantity import format_seconds, format_value
from gonogo.reports import svg
from gonogo.reports.scene import AXIS_HEIGHT, FAULT_KINDS, MARKS_HEIGHT, Chart, LegendEntry, Scene, time_axis
from gonogo.reports.view import figure_label

PLOT_HEIGHT = 150
SERIES_IN_ONE_PLOT = 5  # as many as there are dash patterns
TABLE_ROWS = 12
LIMIT_IN_SIGHT = 3  # a limit further away than this many times the largest value would flatten the curve


def groups(series: Iterable[Series]) -> list[list[Series]]:
    """Series of one unit share a plot, as many as can be told apart."""
    by_unit: dict[str, list[Series]] = {}
    for one in series:
        by_unit.setdefault(one.unit, []).append(one)
    return [
        group[start : start + SERIES_IN_ONE_PLOT]
        for group in by_unit.values()
        for start in range(0, len(group), SERIES_IN_ONE_PLOT)
    ]


def plot(scene: Scene, group: Sequence[Series], identifier: str) -> Chart:
    unit = group[0].unit
    values = [value for one in group for _, value in one.points]
    limits = sorted({one.limit for one in group if one.limit is not None})
    seen = [limit for limit in limits if limit <= LIMIT_IN_SIGHT * max(values)]
    y = svg.axis(min(0.0, *values), max([*values, *seen]), unit, count=3)
    top = MARKS_HEIGHT
    drawn = [_bands(scene, top), _grid(y, top)]
    curves = "".join(svg.curve(one.points, scene.axis, y, f"line-{index}") for index, one in enumerate(group))
    drawn.append(svg.plot_area(curves, top=top, height=PLOT_HEIGHT))
    drawn.append(_levels(y, top))  # above the curves, which would cross them out at the left edge
    drawn += [_threshold(limit, unit, y, top) for limit in seen]
    drawn.append(time_axis(scene.axis, top + PLOT_HEIGHT))
    legend = tuple(_series_entry(one, index, seen) for index, one in enumerate(group))
    title = ", ".join(dict.fromkeys(figure_label(one.name) for one in group))
    headers, rows = _table(scene, group)
    return Chart(
        title=title,
        drawing=svg.drawing(
            "".join(drawn),
            identifier=identifier,
            title=f"{title} over time",
            description="; ".join(f"{entry.text}: {entry.detail}" for entry in legend),
            height=top + PLOT_HEIGHT + AXIS_HEIGHT,
        ),
        legend=legend,
        headers=headers,
        rows=rows,
    )


def _bands(scene: Scene, top: float) -> str:
    """The stretches in which a fault was injected, held and recovered from, numbered as in the timeline."""
    drawn = []
    for number, span in enumerate(scene.spans, 1):
        if span.kind not in FAULT_KINDS:
            continue
        left = scene.axis.percent(span.start_s)
        width = max(scene.axis.percent(span.end_s) - left, 0.4)
        x = svg.share(left)
        drawn.append(
            svg.element("rect", x=x, y=top, width=svg.share(width), height=PLOT_HEIGHT, class_=f"band span-{span.kind}")
        )
        drawn.append(svg.text_at(left + width / 2, 14, str(number), "mark-key"))
    return "".join(drawn)


def _grid(y: svg.Axis, top: float) -> str:
    heights = [_height(tick, y, top) for tick, _ in y.ticks]
    return "".join(svg.element("line", x1="0%", x2="100%", y1=at, y2=at, class_="grid") for at in heights)


def _levels(y: svg.Axis, top: float) -> str:
    """What the lines of the grid stand for; the lowest is the axis of time."""
    ticks = [(tick, label) for tick, label in y.ticks if tick != y.low]
    return "".join(svg.text_at(0, _height(tick, y, top) - 4, label, "tick") for tick, label in ticks)


def _height(value: float, y: svg.Axis, top: float) -> float:
    return top + PLOT_HEIGHT * (1 - y.percent(value) / 100)


def _threshold(limit: float, unit: str, y: svg.Axis, top: float) -> str:
    at = _height(limit, y, top)
    line = svg.element("line", x1="0%", x2="100%", y1=at, y2=at, class_="threshold")
    return line + svg.text_at(100, at - 5, f"limit {format_value(limit, unit)}", "threshold-key")


def _series_entry(one: Series, index: int, seen: Sequence[float]) -> LegendEntry:
    values = [value for _, value in one.points]
    low, middle, high = (format_value(value, one.unit) for value in (min(values), median(values), max(values)))
    detail = f"{low} to {high}, median {middle}"
    if one.limit is not None:
        where = "" if one.limit in seen else ", far above and not drawn"
        over = sum(value > one.limit for value in values)
        detail += f"; limit {format_value(one.limit, one.unit)}{where}, {over} of {len(values)} points above it"
    subject = f" ({one.subject})" if one.subject else ""
    return LegendEntry(key="", style=f"line-{index}", text=f"{figure_label(one.name)}{subject}", detail=detail)


def _table(scene: Scene, group: Sequence[Series]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The plot in numbers: smallest to largest value of each series in each stretch of time."""
    width = (scene.axis.high - scene.axis.low) / TABLE_ROWS
    rows = []
    for index in range(TABLE_ROWS):
        start, end = index * width, (index + 1) * width
        last = index == TABLE_ROWS - 1
        cells = [
            _range([value for at, value in one.points if start <= at < end or (last and at >= end)], one.unit)
            for one in group
        ]
        rows.append((f"{format_seconds(start)} to {format_seconds(end)}", *cells))
    heads = (f"{figure_label(one.name)}{f' ({one.subject})' if one.subject else ''}" for one in group)
    return ("Time", *heads), tuple(rows)


def _range(values: Sequence[float], unit: str) -> str:
    if not values:
        return "no data"
    low, high = format_value(min(values), unit), format_value(max(values), unit)
    return low if low == high else f"{low} to {high}"
