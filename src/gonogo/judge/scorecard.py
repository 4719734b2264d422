"""The scorecard: score and coverage by area. It informs; it never decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.core.finding import AreaScore, Finding
from gonogo.core.outcome import Area, Outcome, SkipReason

OUTSIDE = (SkipReason.DESELECTED, SkipReason.NOT_APPLICABLE)


def counted(finding: Finding) -> bool:
    """Whether a finding belongs to the denominator: all but what was not asked for or provably does not apply."""
    return finding.skip not in OUTSIDE


def area_scores(findings: Sequence[Finding], weights: Mapping[str, float]) -> tuple[AreaScore, ...]:
    """One row for each area that has a weight or a finding."""
    rows = []
    for area in Area:
        own = [finding for finding in findings if finding.area is area and counted(finding)]
        if own or weights.get(area.value, 0) > 0:
            rows.append(_row(area, own, weights.get(area.value, 1.0)))
    return tuple(rows)


def _row(area: Area, findings: Sequence[Finding], weight: float) -> AreaScore:
    count = {outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome}
    measured = [finding for finding in findings if finding.outcome in {Outcome.PASS, Outcome.FAIL}]
    total = sum(finding.severity.weight for finding in findings)
    return AreaScore(
        name=area,
        weight=weight,
        score=area_score(findings, waivers=True),
        coverage=sum(finding.severity.weight for finding in measured) / total if total else 0.0,
        passed=count[Outcome.PASS],
        failed=count[Outcome.FAIL],
        unknown=count[Outcome.UNKNOWN],
        skipped=count[Outcome.SKIPPED],
        waived=sum(finding.waiver is not None for finding in findings),
    )


def area_score(findings: Sequence[Finding], *, waivers: bool) -> float | None:
    """0-100: the weight of what passed over the weight of what could run here. UNKNOWN counts as nothing passed."""
    supported = [finding for finding in findings if finding.outcome is not Outcome.SKIPPED]
    total = sum(finding.severity.weight for finding in supported)
    if not total:
        return None
    good = [one for one in supported if one.outcome is Outcome.PASS or (waivers and one.waiver is not None)]
    return 100 * sum(finding.severity.weight for finding in good) / total


def overall_score(
    findings: Sequence[Finding], weights: Mapping[str, float], *, waivers: bool, whole: bool
) -> float | None:
    """The weighted mean over areas. In a whole run an area that was not measured stays in the denominator with 0."""
    total = earned = 0.0
    for area in Area:
        own = [finding for finding in findings if finding.area is area and counted(finding)]
        score = area_score(own, waivers=waivers)
        weight = weights.get(area.value, 1.0 if own else 0.0)
        if score is None and not whole:
            continue
        total += weight
        earned += weight * (score or 0.0)
    return round(earned / total, 1) if total else None


def overall_coverage(areas: Sequence[AreaScore], *, whole: bool) -> float:
    """The weighted mean of the areas' coverage."""
    rows = [area for area in areas if whole or area.score is not None]
    total = sum(area.weight for area in rows)
    return round(sum(area.weight * area.coverage for area in rows) / total, 4) if total else 0.0
