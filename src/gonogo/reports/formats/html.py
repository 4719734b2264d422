"""report.html: one file that needs nothing else, opens without a network and can be read in ten years."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gonogo.core.finding import AreaScore, Finding
from gonogo.core.outcome import Outcome, Verdict
from gonogo.core.quantity import format_seconds, format_value
from gonogo.judge.judgement import Judgement
from gonogo.reports import Format, svg, view
from gonogo.reports.charts import charts
from gonogo.reports.reading import read_run
from gonogo.reports.scene import Chart
from gonogo.spec.content import shipped_content

MOST = 50  # entries of one list; run.json has them all
NAMED = 4  # ids on the first screen
LONGEST_TEXT = 1_500
DIGEST_SHOWN = 12
WAIVED = "WAIVED"
OTHER_AREAS = "other_areas"  # of which nothing ran
ORDER = ("FAIL", "UNKNOWN", WAIVED, "PASS", "SKIPPED")  # the worst first
SAID = {"PASS": "passed", "FAIL": "failed"}  # as the scorecard says it
COLOURS = {Verdict.GO: "#17683f", Verdict.NO_GO: "#a8231c", Verdict.HOLD: "#7f5300", Verdict.PARTIAL: "#1d5a92"}
UNKNOWN_NOTE = (
    "We looked and cannot say. What could not be measured never counts as good: "
    "mend what the reason names, then run again."
)
NOT_PROVEN_NOTE = "The verdict says nothing about these."


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRow:
    """One line of the scorecard; the bars are markup."""

    area: AreaScore
    score_bar: str
    coverage_bar: str
    outcomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A drill, scenario or load profile with its pictures."""

    finding: Finding
    figures: list[view.Figure]
    charts: list[Chart]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The findings of one area, the worst first."""

    area: str
    outcomes: str
    shown: list[Finding]
    skipped: list[Finding]


def render(run: dict[str, Any]) -> str:
    """The page. Everything from the run is escaped; style and script are admitted by their digest alone."""
    judgement = read_run(run)
    css, js = (text_of(name) for name in ("report.css", "report.js"))
    page = environment().get_template("report.html.j2")
    return page.render(css=css, js=js, csp=page_policy(css, js), **_content(judgement))


def text_of(name: str) -> str:
    """A style or script beside the templates."""
    return (_templates() / name).read_text()


def _templates() -> Path:
    return shipped_content() / "reports" / "templates"


def environment() -> Environment:
    """What renders a page: everything is escaped, a name that is not there is an error."""
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.loader = FileSystemLoader(_templates())
    made.filters |= {
        "markup": Markup,
        "breakable": breakable,
        "limited": limited,
        "short_digest": short_digest,
        "evidence": evidence_link,
        "urlencode": quote,
    }
    made.globals |= {
        "words": view.words,
        "gloss": view.gloss,
        "instant": view.instant,
        "percent": view.percent,
        "coverage": view.coverage_text,
        "score": view.score_text,
        "seconds": format_seconds,
        "value": format_value,
        "value_text": view.value_text,
        "state": state,
        "MOST": MOST,
        "NAMED": NAMED,
        "MEANING": view.MEANING,
        "NEVER_DECIDES": view.SCORE_NEVER_DECIDES,
    }
    return made


def state(finding: Finding) -> str:
    """Its outcome, or WAIVED where a waiver lifts its gate."""
    return WAIVED if finding.waiver is not None else finding.outcome.value


def limited(text: str) -> str:
    """At most `LONGEST_TEXT` characters, so that one endless value does not bury the page."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} … (all of it in run.json)"


def breakable(identifier: str) -> Markup:
    """An id that a narrow page breaks between its words, and that is copied whole.

    >>> breakable("chaos/pool_exhaustion")
    Markup('chaos/<wbr>pool_<wbr>exhaustion')
    """
    return Markup("<wbr>").join(re.split(r"(?<=[/_])", identifier))


def short_digest(image: str) -> str:
    """An image with as much of its digest as people compare.

    >>> short_digest("pgvector/pgvector@sha256:0123456789abcdef0123")
    'pgvector/pgvector@sha256:0123456789ab…'
    """
    name, mark, digest = image.partition("sha256:")
    return f"{name}{mark}{digest[:DIGEST_SHOWN]}…" if len(digest) > DIGEST_SHOWN else image


def evidence_link(path: str) -> str:
    """A link below the folder of the report, never anything that a browser would run.

    >>> evidence_link("artifacts/a b.json"), evidence_link("javascript:alert(1)")
    ('./artifacts/a%20b.json', './javascript%3Aalert%281%29')
    """
    return f"./{quote(path)}"


def page_policy(css: str, js: str | None = None) -> str:
    """The content security policy: nothing from anywhere, and of our own only what has these digests."""
    script = f"script-src '{_digest(js)}'; " if js is not None else ""
    return f"default-src 'none'; style-src '{_digest(css)}'; {script}img-src data:; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _content(judgement: Judgement) -> dict[str, Any]:
    exercises = [_exercise(finding) for finding in judgement.findings if finding.kind in view.EXERCISES]
    drawn = [one for one in exercises if one.charts or one.figures or one.finding.tables]
    return {
        "run": judgement,
        "favicon": _favicon(judgement.verdict),
        "scope": view.scope(judgement),
        "tally": _tally(judgement),
        "blockers": view.named(judgement, judgement.blockers),
        "lists": _lists(judgement),
        "areas": [_area_row(area) for area in judgement.areas],
        "waived": view.waived(judgement),
        "unwaived": view.without_waivers(judgement),
        "key_figures": view.key_figures(judgement),
        "exercises": drawn,
        "drawn_ids": {one.finding.id for one in drawn},
        "groups": _groups(judgement),
    }


def _exercise(finding: Finding) -> Exercise:
    return Exercise(finding=finding, figures=view.figures(finding), charts=charts(finding, f"plot/{finding.id}"))


def _favicon(verdict: Verdict) -> str:
    circle = f'<circle cx="4.5" cy="4.5" r="4.5" fill="{COLOURS[verdict]}"/>'
    dot = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{circle}</svg>'
    return f"data:image/svg+xml,{quote(dot)}"


def _tally(judgement: Judgement) -> list[tuple[str, str, str]]:
    """Anchor, style and text of each number on the first screen."""
    found = view.counts(judgement)
    waived = len(view.waived(judgement))
    rows = [
        ("blockers", "FAIL", len(judgement.blockers), "blocking"),
        ("unknown", "UNKNOWN", len(judgement.unknowns), "unknown"),
        ("not-proven", "OPEN", len(judgement.not_proven), "not proven"),
        ("waivers", WAIVED, waived, "waived"),
        ("findings", "FAIL", found[Outcome.FAIL] - waived - len(judgement.blockers), "failing without gate"),
        ("findings", "PASS", found[Outcome.PASS], "passed"),
    ]
    return [(anchor, style, f"{count} {text}") for anchor, style, count, text in rows if count]


def _lists(judgement: Judgement) -> list[tuple[str, str, str, str, list[tuple[str, list[view.Row]]], int]]:
    unknown, open_ = view.named(judgement, judgement.unknowns), view.unproven(judgement)
    lists = [
        ("unknown", "Unknown", UNKNOWN_NOTE, "UNKNOWN", view.by_reason(unknown), len(unknown)),
        ("not-proven", "Not proven", NOT_PROVEN_NOTE, "OPEN", view.by_reason(open_), len(open_)),
    ]
    return [one for one in lists if one[-1]]


def _area_row(area: AreaScore) -> AreaRow:
    style = "FAIL" if area.failed > area.waived else "UNKNOWN" if area.failed or area.unknown else "PASS"
    return AreaRow(
        area=area,
        score_bar=svg.bar((area.score or 0) / 100, style),
        coverage_bar=svg.bar(area.coverage, "cover"),
        outcomes=view.tally(area),
    )


def _groups(judgement: Judgement) -> list[Group]:
    by_area: dict[str, list[Finding]] = {}
    for finding in judgement.findings:
        by_area.setdefault(finding.area.value, []).append(finding)
    groups = [_group(area, findings) for area, findings in by_area.items()]
    rest = [finding for group in groups if not group.shown for finding in group.skipped]
    return [*(group for group in groups if group.shown), *([_group(OTHER_AREAS, rest)] if rest else [])]


def _group(area: str, findings: Sequence[Finding]) -> Group:
    ordered = sorted(findings, key=lambda finding: ORDER.index(state(finding)))
    shown = [finding for finding in ordered if finding.outcome is not Outcome.SKIPPED]
    counts = [(one, sum(state(finding) == one for finding in findings)) for one in ORDER]
    return Group(
        area=area,
        outcomes=", ".join(f"{count} {SAID.get(name, name.lower())}" for name, count in counts if count),
        shown=shown,
        skipped=[finding for finding in ordered if finding.outcome is Outcome.SKIPPED],
    )


FORMAT = Format(filename="report.html", render=render)
