"""All drawings of one finding: timelines of drills and scenarios, plots of load."""

from __future__ import annotations

from gonogo.core.finding import Finding
from gonogo.reports.phases import phases
from gonogo.reports.plots import groups, plot
from gonogo.reports.scene import Chart, scene_of


def charts(finding: Finding, identifier: str) -> list[Chart]:
    """All charts of one finding; `identifier` makes the ids inside them unique."""
    scene = scene_of(finding)
    if scene is None:
        return []
    made = [phases(finding, scene, f"{identifier}-phases")] if scene.spans or scene.marks else []
    for index, group in enumerate(groups(scene.series)):
        made.append(plot(scene, group, f"{identifier}-plot{index}"))
    return made
