"""The timeline of a drill or scenario: phases and faults as bars, marks, and the figures that count from a disaster."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gonogo.core.finding import Finding
from gonogo.core.observation import Span
from gonogo.core.quantity import format_seconds, format_value
from gonogo.reports import svg
from gonogo.reports.scene import AXIS_HEIGHT, FAULT_KINDS, MARKS_HEIGHT, Chart, LegendEntry, Scene, time_axis
from gonogo.reports.view import KEY_FIGURES, words

LANE_HEIGHT, LANE_GAP = 32, 6
BRACKET_HEIGHT = 24
BELOW_BRACKETS = 4  # so that the last label does not stand on the axis
TONES = 6
KIND_WORDS = {"fault": "Fault", "hold": "Held", "recovery": "Recovery"}
DISASTER = "disaster"  # the mark from which the figures of FROM_DISASTER count
FROM_DISASTER = ("rto_degraded", "rto")
SLACK_S = 0.2  # how far a phase may reach over the figure that it is a part of


def phases(finding: Finding, scene: Scene, identifier: str) -> Chart:
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
    height = bottom + len(brackets) * BRACKET_HEIGHT + (BELOW_BRACKETS if brackets else 0) + AXIS_HEIGHT
    drawn.append(time_axis(scene.axis, height - AXIS_HEIGHT))
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


def _phase_legend(scene: Scene, brackets: Sequence[tuple[str, float, float]]) -> list[LegendEntry]:
    """Every span with its length and, in a drill, with its share of the whole RTO."""
    rto = next((one[1:] for one in brackets if one[0].startswith(f"{KEY_FIGURES['rto']} ")), None)
    entries = []
    for number, span in enumerate(scene.spans, 1):
        at = "" if span.kind == "phase" else f", from {format_seconds(span.start_s)}"
        detail = format_seconds(span.seconds) + at + _share(span, rto)
        entries.append(LegendEntry(key=str(number), style=_style(span, number), text=_name(span), detail=detail))
    for index, mark in enumerate(scene.marks):
        detail = f"at {format_seconds(mark.at_s)}"
        entries.append(LegendEntry(key=_letter(index), style="mark", text=words(mark.name), detail=detail))
    return entries


def _name(span: Span) -> str:
    """What a span is called, with its kind where the name does not tell it."""
    kind = KIND_WORDS.get(span.kind, "")
    return words(span.name) if kind.lower() in span.name.lower() else f"{kind}: {words(span.name)}"


def _share(span: Span, rto: tuple[float, float] | None) -> str:
    """The part of the RTO that a span takes, where it lies within it."""
    if rto is None or span.kind != "phase" or span.start_s < rto[0] - SLACK_S or span.end_s > rto[1] + SLACK_S:
        return ""
    return f", {format_value(span.seconds / (rto[1] - rto[0]), '1')} of the RTO" if rto[1] > rto[0] else ""
