"""Timelines of drills and scenarios, plots of load: drawings with legend and data table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from gonogo.core.finding import Finding
from gonogo.core.observation import Mark, Series, Span
from gonogo.core.quantity import format_seconds, format_value
from gonogo.reports import svg
from gonogo.reports.view import KEY_FIGURES, figure_label, words

LANE_HEIGHT, LANE_GAP = 32, 6
MARKS_HEIGHT, AXIS_HEIGHT, BRACKET_HEIGHT = 20, 24, 24
PLOT_HEIGHT = 150
SERIES_IN_ONE_PLOT = 5  # as many as there are dash patterns
TABLE_ROWS = 12
LIMIT_IN_SIGHT = 3  # a limit further away than this many times the largest value would flatten the curve
TONES = 6
DISASTER = "disaster"  # the mark from which the figures of FROM_DISASTER count
FROM_DISASTER = ("rto_degraded", "rto")
SLACK_S = 0.2  # how far a phase may reach over the figure that it is a part of
FAULT_KINDS = ("fault", "hold", "recovery")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """One line of a legend: `key` stands in the drawing too, so that colour is never the only sign."""

    key: str
    style: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with all that is needed to read it without seeing it."""

    title: str
    drawing: str  # markup
    legend: tuple[LegendEntry, ...]
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The timeline of one finding, in seconds since the item began."""

    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    series: tuple[Series, ...]
    axis: svg.Axis


def charts(finding: Finding, identifier: str) -> list[Chart]:
    """All charts of one finding; `identifier` makes the ids inside them unique."""
    scene = _scene(finding)
    if scene is None:
        return []
    made = [_phases(finding, scene, f"{identifier}-phases")] if scene.spans or scene.marks else []
    for index, group in enumerate(_groups(scene.series)):
        made.append(_plot(scene, group, f"{identifier}-plot{index}"))
    return made


def _scene(finding: Finding) -> Scene | None:
    timeline = finding.timeline
    series = [one for one in timeline.series if one.points]
    instants = [mark.at_s for mark in timeline.marks]
    instants += [at for span in timeline.spans for at in (span.start_s, span.end_s)]
    instants += [at for one in series for at, _ in one.points]
    if not instants:
        return None
    start = min(instants)
    return Scene(
        spans=tuple(
            Span(name=one.name, kind=one.kind, start_s=one.start_s - start, end_s=one.end_s - start)
            for one in timeline.spans
        ),
        marks=tuple(Mark(name=one.name, at_s=one.at_s - start) for one in sorted(timeline.marks, key=lambda m: m.at_s)),
        series=tuple(
            Series(
                name=one.name,
                unit=one.unit,
                subject=one.subject,
                limit=one.limit,
                points=tuple((at - start, value) for at, value in one.points),
            )
            for one in series
        ),
        axis=svg.axis(0, max(instants) - start, "s", tight=True),
    )


def _phases(finding: Finding, scene: Scene, identifier: str) -> Chart:
    """Spans as bars, side by side or in lanes where they overlap; marks above; brackets from the disaster below."""
    lanes = _lanes(scene.spans)
    bottom = MARKS_HEIGHT + (max(lanes, default=-1) + 1) * (LANE_HEIGHT + LANE_GAP)
    brackets = _brackets(finding, scene)
    drawn = [
        _span(span, number, scene.axis, MARKS_HEIGHT + lane * (LANE_HEIGHT + LANE_GAP))
        for number, (span, lane) in enumerate(zip(scene.spans, lanes, strict=True), 1)
    ]
    drawn.append(_marks(scene, bottom))
    drawn += [
        _bracket(label, start, end, scene.axis, bottom + index * BRACKET_HEIGHT)
        for index, (label, start, end) in enumerate(brackets)
    ]
    height = bottom + len(brackets) * BRACKET_HEIGHT + AXIS_HEIGHT
    drawn.append(_time_axis(scene.axis, height - AXIS_HEIGHT))
    legend = _phase_legend(scene, brackets)
    return Chart(
        title="Timeline",
        drawing=svg.drawing(
            "".join(drawn),
            identifier=identifier,
            title=f"Timeline of {finding.title}",
            description="; ".join(f"{entry.text}: {entry.detail}" for entry in legend),
            height=height,
        ),
        legend=tuple(legend),
    )


def _lanes(spans: Sequence[Span]) -> list[int]:
    """For each span the first lane that is free when it starts."""
    free_from: list[float] = []
    lanes = [0] * len(spans)
    for index in sorted(range(len(spans)), key=lambda one: spans[one].start_s):
        span = spans[index]
        lane = next((one for one, free in enumerate(free_from) if free <= span.start_s + 1e-6), len(free_from))
        free_from[lane : lane + 1] = [span.end_s]
        lanes[index] = lane
    return lanes


def _style(span: Span, number: int) -> str:
    return f"span-{span.kind}" if span.kind in FAULT_KINDS else f"span-phase tone-{number % TONES}"


def _span(span: Span, number: int, axis: svg.Axis, top: float) -> str:
    left, right = axis.percent(span.start_s), axis.percent(span.end_s)
    width = max(right - left, 0.4)
    rectangle = svg.element(
        "rect",
        svg.element("title", escape(f"{span.name}: {format_seconds(span.seconds)}")),
        x=svg.share(min(left, 99.6)),
        y=top,
        width=svg.share(width),
        height=LANE_HEIGHT,
        rx=3,
        class_=f"span {_style(span, number)}",
    )
    if width < 4:
        return rectangle
    return rectangle + svg.text_at(
        min(max(left + width / 2, 4), 96), top + LANE_HEIGHT / 2 + 5, str(number), "span-key"
    )


def _marks(scene: Scene, bottom: float) -> str:
    """A line for each mark, lettered; letters of marks that nearly meet stand together."""
    drawn: list[str] = []
    labels: list[tuple[float, str]] = []
    for index, mark in enumerate(scene.marks):
        left = scene.axis.percent(mark.at_s)
        x = svg.share(left)
        drawn.append(svg.element("line", x1=x, x2=x, y1=MARKS_HEIGHT - 4, y2=bottom, class_="mark"))
        if labels and left - labels[-1][0] < 5:
            labels[-1] = (labels[-1][0], labels[-1][1] + _letter(index))
        else:
            labels.append((left, _letter(index)))
    return "".join(drawn) + "".join(svg.text_at(left, 12, text, "mark-key") for left, text in labels)


def _letter(index: int) -> str:
    return chr(ord("a") + index % 26)


def _brackets(finding: Finding, scene: Scene) -> list[tuple[str, float, float]]:
    """Label, start, end of each figure that counts from the disaster."""
    start = next((mark.at_s for mark in scene.marks if mark.name == DISASTER), None)
    if start is None:
        return []
    seconds = {one.name: one.value for one in finding.observations if one.unit == "s"}
    found = [(name, seconds[name]) for name in FROM_DISASTER if name in seconds]
    return [
        (f"{KEY_FIGURES[name]} {format_seconds(value)}", start, start + value)
        for name, value in found
        if isinstance(value, (int, float))
    ]


def _bracket(label: str, start: float, end: float, axis: svg.Axis, top: float) -> str:
    left, right = axis.percent(start), axis.percent(end)
    y = top + 6
    lines = [("x1", left, left, y - 4, y + 4), ("x2", right, right, y - 4, y + 4), ("", left, right, y, y)]
    drawn = "".join(
        svg.element("line", x1=svg.share(x1), x2=svg.share(x2), y1=y1, y2=y2, class_="bracket")
        for _, x1, x2, y1, y2 in lines
    )
    middle = (left + right) / 2
    return drawn + svg.text_at(
        middle if 20 < middle < 80 else (3 if middle <= 20 else 97), y + 15, label, "bracket-key"
    )


def _time_axis(axis: svg.Axis, top: float) -> str:
    drawn = [svg.element("line", x1="0%", x2="100%", y1=top, y2=top, class_="baseline")]
    for tick, label in axis.ticks:
        left = axis.percent(tick)
        drawn.append(svg.element("line", x1=svg.share(left), x2=svg.share(left), y1=top, y2=top + 4, class_="baseline"))
        drawn.append(svg.text_at(left, top + 18, label, "tick"))
    return "".join(drawn)


def _phase_legend(scene: Scene, brackets: Sequence[tuple[str, float, float]]) -> list[LegendEntry]:
    """Every span with its length and, in a drill, with its share of the whole RTO."""
    rto = next((one[1:] for one in brackets if one[0].startswith(f"{KEY_FIGURES['rto']} ")), None)
    entries = []
    for number, span in enumerate(scene.spans, 1):
        at = "" if span.kind == "phase" else f", from {format_seconds(span.start_s)}"
        kind = "" if span.kind == "phase" else f"{span.kind}: "
        detail = format_seconds(span.seconds) + at + _share(span, rto)
        entries.append(
            LegendEntry(key=str(number), style=_style(span, number), text=f"{kind}{words(span.name)}", detail=detail)
        )
    for index, mark in enumerate(scene.marks):
        detail = f"at {format_seconds(mark.at_s)}"
        entries.append(LegendEntry(key=_letter(index), style="mark", text=words(mark.name), detail=detail))
    return entries


def _share(span: Span, rto: tuple[float, float] | None) -> str:
    """The part of the RTO that a span takes, where it lies within it."""
    if rto is None or span.kind != "phase" or span.start_s < rto[0] - SLACK_S or span.end_s > rto[1] + SLACK_S:
        return ""
    return f", {format_value(span.seconds / (rto[1] - rto[0]), '1')} of the RTO" if rto[1] > rto[0] else ""


def _groups(series: Iterable[Series]) -> list[list[Series]]:
    """Series of one unit share a plot, as many as can be told apart."""
    by_unit: dict[str, list[Series]] = {}
    for one in series:
        by_unit.setdefault(one.unit, []).append(one)
    return [
        group[start : start + SERIES_IN_ONE_PLOT]
        for group in by_unit.values()
        for start in range(0, len(group), SERIES_IN_ONE_PLOT)
    ]


def _plot(scene: Scene, group: Sequence[Series], identifier: str) -> Chart:
    unit = group[0].unit
    values = [value for one in group for _, value in one.points]
    limits = sorted({one.limit for one in group if one.limit is not None})
    seen = [limit for limit in limits if limit <= LIMIT_IN_SIGHT * max(values)]
    y = svg.axis(min(0.0, *values), max([*values, *seen]), unit, count=3)
    top = MARKS_HEIGHT
    drawn = [_bands(scene, top), _grid(y, top)]
    curves = "".join(svg.curve(one.points, scene.axis, y, f"line-{index}") for index, one in enumerate(group))
    drawn.append(svg.plot_area(curves, top=top, height=PLOT_HEIGHT))
    drawn += [_threshold(limit, unit, y, top) for limit in seen]
    drawn.append(_time_axis(scene.axis, top + PLOT_HEIGHT))
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
    drawn = []
    for tick, label in y.ticks:
        at = top + PLOT_HEIGHT * (1 - y.percent(tick) / 100)
        drawn.append(svg.element("line", x1="0%", x2="100%", y1=at, y2=at, class_="grid"))
        drawn.append(svg.text_at(0, at - 4, label, "tick") if tick != y.low else "")
    return "".join(drawn)


def _threshold(limit: float, unit: str, y: svg.Axis, top: float) -> str:
    at = top + PLOT_HEIGHT * (1 - y.percent(limit) / 100)
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
