"""Timelines and plots, from literals."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from gonogo.core.finding import Finding, Source
from gonogo.core.observation import Mark, Observation, Series, Span, Timeline
from gonogo.core.outcome import Area, Kind, Outcome, Severity
from gonogo.reports.charts import charts
from gonogo.reports.svg import BUCKETS, axis, downsample

FINDING = Finding(
    id="restore_drills/x",
    kind=Kind.DRILL,
    title="A drill <with> signs",
    area=Area.BACKUP,
    severity=Severity.HIGH,
    gating=True,
    outcome=Outcome.PASS,
    source=Source(file="x.yaml", line=1),
)


def drawn(
    *spans: Span, marks: tuple[Mark, ...] = (), series: tuple[Series, ...] = (), rto: float | None = None
) -> Finding:
    observed = () if rto is None else (Observation(name="rto", value=rto, unit="s"),)
    return replace(FINDING, timeline=Timeline(spans=spans, marks=marks, series=series), observations=observed)


def test_a_finding_without_a_timeline_has_no_chart() -> None:
    assert charts(FINDING, "x") == []


@pytest.mark.parametrize("length", [0.0, 1e-9, 0.5, 59.0, 100_000.0])
def test_drawings_of_any_length_are_well_formed(length: float) -> None:
    span = Span(name="a", start_s=7, end_s=7 + length)
    points = tuple((7 + length * at / 10, float(at)) for at in range(11))
    finding = drawn(
        span, marks=(Mark(name="disaster", at_s=7),), series=(Series(name="p95", unit="s", points=points),), rto=length
    )
    for chart in charts(finding, "x"):
        tree = ET.fromstring(chart.drawing)
        numbers = [float(value.rstrip("%")) for node in tree.iter() for key, value in node.items() if key in "xy"]
        assert all(0 <= number <= 1000 for number in numbers)
        assert "nan" not in chart.drawing


def test_phases_after_the_disaster_tell_their_share_of_the_rto() -> None:
    finding = drawn(
        Span(name="backup", start_s=0, end_s=5),
        Span(name="data", start_s=10, end_s=17.5),
        Span(name="indexes", start_s=17.5, end_s=20),
        marks=(Mark(name="disaster", at_s=10),),
        rto=10,
    )
    (chart,) = charts(finding, "x")
    details = {entry.text: entry.detail for entry in chart.legend}
    assert details["Backup"] == "5.00 s"
    assert details["Data"] == "7.50 s, 75.0 % of the RTO"
    assert details["Indexes"] == "2.50 s, 25.0 % of the RTO"
    assert "RTO 10.00 s" in chart.drawing


def test_spans_that_overlap_lie_in_lanes() -> None:
    finding = drawn(
        Span(name="a", start_s=0, end_s=5), Span(name="b", start_s=1, end_s=3), Span(name="c", start_s=5, end_s=6)
    )
    tops = re.findall(r'y="(\d+)" width="[^"]+" height="32"', charts(finding, "x")[0].drawing)
    assert len(set(tops)) == 2
    assert tops[0] == tops[2] != tops[1]


def test_a_limit_that_would_flatten_the_curve_is_told_and_not_drawn() -> None:
    near = Series(name="p95", unit="s", points=((0, 0.2), (1, 0.4)), limit=0.3)
    far = replace(near, limit=30.0)
    (with_line,), (without,) = charts(drawn(series=(near,)), "x"), charts(drawn(series=(far,)), "x")
    assert "threshold" in with_line.drawing
    assert with_line.legend[0].detail.endswith("limit 300.0 ms, 1 of 2 points above it")
    assert "threshold" not in without.drawing
    assert "far above and not drawn" in without.legend[0].detail


def test_a_picture_names_itself_and_escapes_its_title() -> None:
    (chart,) = charts(drawn(Span(name="a <b>", start_s=0, end_s=1)), "x")
    tree = ET.fromstring(chart.drawing)
    assert tree.findtext("title") == "Timeline of A drill <with> signs"
    assert tree.findtext("desc") == "A <b>: 1.00 s"


def test_the_table_tells_what_the_plot_shows() -> None:
    points = tuple((float(at), float(at % 7)) for at in range(120))
    (chart,) = charts(drawn(series=(Series(name="depth", unit="", points=points),)), "x")
    assert chart.headers == ("Time", "Depth")
    assert len(chart.rows) == 12
    assert all(cell == "0 to 6" for _, cell in chart.rows)


def test_no_spike_is_lost_on_the_way_to_the_picture() -> None:
    points = [(float(at), 1.0) for at in range(100_000)]
    points[77_777] = (77_777.0, 99.0)
    points[5] = (5.0, -3.0)
    kept = downsample(points)
    assert len(kept) <= 2 * BUCKETS
    assert {(77_777.0, 99.0), (5.0, -3.0)} <= set(kept)
    assert kept == sorted(kept)


@pytest.mark.parametrize(
    ("low", "high", "unit"), [(0, 0, "s"), (0, 7e-3, "s"), (0, 5e9, "B"), (-3, 4, ""), (0, 1, "1")]
)
def test_an_axis_reaches_over_its_values_with_few_ticks(low: float, high: float, unit: str) -> None:
    made = axis(low, high, unit)
    assert made.low <= low <= high <= made.high
    assert 2 <= len(made.ticks) <= 12
    assert len({label for _, label in made.ticks}) == len(made.ticks)
