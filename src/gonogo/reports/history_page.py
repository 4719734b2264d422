"""The history as one page: for each verification its runs, and each of its numbers over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gonogo.core.outcome import Outcome
from gonogo.core.quantity import format_value
from gonogo.reports import svg
from gonogo.reports.formats.html import environment, page_policy, text_of
from gonogo.reports.scene import AXIS_HEIGHT, Chart, LegendEntry, time_axis
from gonogo.reports.trend import Trend, alike_the_newest, trends_of
from gonogo.rundir.history import Entry

HEIGHT, ROOM_ABOVE = 110, 18
STRETCHES = 2  # between the instants below a plot: on a phone there is room for three
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One verification, its runs newest first. `worse`: the names of its numbers that have become worse.

    `unchanged`: names and values of numbers that were the same in every run, of which a plot would say no more.
    """

    id: str
    entries: Sequence[Entry]
    charts: list[Chart]
    worse: list[str]
    unchanged: list[tuple[str, str]]

    @property
    def all_passed(self) -> bool:
        """Whether there is nothing in its runs to be looked at."""
        return all(one.past.outcome == Outcome.PASS.value for one in self.entries)


def page(items: Mapping[str, Sequence[Entry]]) -> str:
    """One file without a script. `items`: id → its runs, newest first, at least one each."""
    css = text_of("report.css")
    shown = [_item(number, identifier, entries) for number, (identifier, entries) in enumerate(items.items())]
    shown.sort(key=lambda one: not one.worse)  # stable: what became worse first
    return environment().get_template("history.html.j2").render(css=css, csp=page_policy(css), items=shown)


def _item(number: int, identifier: str, entries: Sequence[Entry]) -> Item:
    trends = sorted(trends_of(entries), key=lambda one: not one.worse)
    alike = alike_the_newest(entries)
    moved = [one for one in trends if len(set(one.values)) > 1]
    return Item(
        id=identifier,
        entries=entries,
        charts=[_chart(one, alike, f"trend-{number}-{place}") for place, one in enumerate(moved)],
        worse=[one.label for one in trends if one.worse],
        unchanged=[(one.label, format_value(one.newest, one.unit)) for one in trends if one not in moved],
    )


def _chart(trend: Trend, entries: Sequence[Entry], identifier: str) -> Chart:
    points = [
        (datetime.fromisoformat(entry.past.at).timestamp(), one.value)
        for entry in reversed(entries)
        for one in entry.measures
        if (one.label, one.unit) == (trend.label, trend.unit)
    ]
    x = _dates(points[0][0], points[-1][0])
    values = [value for _, value in points]
    y = svg.axis(min(0.0, *values), max(values), trend.unit, count=3)
    curve = svg.plot_area(svg.curve(points, x, y, "line-0"), top=ROOM_ABOVE, height=HEIGHT)
    usual = [] if trend.usual is None else [_usual(trend.usual, trend.unit, y)]
    words = f"usually {format_value(trend.usual, trend.unit)}, " if trend.usual is not None else ""
    detail = f"{words}{format_value(trend.newest, trend.unit)} in the newest run{', WORSE' if trend.worse else ''}"
    return Chart(
        title=f"{trend.label}{': WORSE' if trend.worse else ''}",
        drawing=svg.drawing(
            "".join([_grid(y), curve, *usual, time_axis(x, ROOM_ABOVE + HEIGHT)]),
            identifier=identifier,
            title=f"{trend.label} over time",
            description=detail,
            height=ROOM_ABOVE + HEIGHT + AXIS_HEIGHT,
        ),
        legend=(LegendEntry(key="", style="line-0", text=trend.label, detail=detail),),
        headers=("Run ended", trend.label),
        rows=tuple((_date(at, 0.0), format_value(value, trend.unit)) for at, value in points),
    )


def _grid(y: svg.Axis) -> str:
    drawn = []
    for tick, label in y.ticks:
        at = _height(tick, y)
        drawn.append(svg.element("line", x1="0%", x2="100%", y1=at, y2=at, class_="grid"))
        if tick != y.low:  # the axis of time
            drawn.append(svg.text_at(0, at - 4, label, "tick"))
    return "".join(drawn)


def _usual(value: float, unit: str, y: svg.Axis) -> str:
    at = _height(value, y)
    line = svg.element("line", x1="0%", x2="100%", y1=at, y2=at, class_="usual")
    return line + svg.text_at(100, at - 5, f"usually {format_value(value, unit)}", "tick")


def _height(value: float, y: svg.Axis) -> float:
    return ROOM_ABOVE + HEIGHT * (1 - y.percent(value) / 100)


def _dates(first: float, last: float) -> svg.Axis:
    """From the first run to the last one, with a few instants."""
    span = max(last - first, 1.0)
    instants = [first + span * number / STRETCHES for number in range(STRETCHES + 1)]
    return svg.Axis(low=first, high=first + span, ticks=tuple((one, _date(one, span)) for one in instants))


def _date(at: float, span_s: float) -> str:
    """An instant as a day; with its time where all lies within a few days."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d" if span_s > STRETCHES * DAY_S else "%m-%d %H:%M")
