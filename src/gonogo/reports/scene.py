"""What the drawings of one finding share: its timeline from nought, the time below, the words beside."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.core.finding import Finding
from gonogo.core.observation import Mark, Series, Span
from gonogo.reports import svg

MARKS_HEIGHT, AXIS_HEIGHT = 20, 24
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


def scene_of(finding: Finding) -> Scene | None:
    """The scene of a finding, None where nothing was drawn."""
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


def time_axis(axis: svg.Axis, top: float) -> str:
    """The seconds below a drawing, its line at `top`."""
    drawn = [svg.element("line", x1="0%", x2="100%", y1=top, y2=top, class_="baseline")]
    for tick, label in axis.ticks:
        left = axis.percent(tick)
        drawn.append(svg.element("line", x1=svg.share(left), x2=svg.share(left), y1=top, y2=top + 4, class_="baseline"))
        drawn.append(svg.text_at(left, top + 18, label, "tick"))
    return "".join(drawn)
