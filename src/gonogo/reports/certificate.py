"""The certificate of a restore drill, for auditors: what was restored, by whom, when, with what outcome and evidence.

A pure function of run.json and of the digests of the run directory's files; it claims nothing that run.json does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.core.errors import UsageError
from gonogo.core.finding import Finding
from gonogo.core.outcome import Kind, Outcome
from gonogo.judge.judgement import Judgement
from gonogo.reports.charts import charts
from gonogo.reports.formats.html import environment, page_policy, text_of
from gonogo.reports.reading import read_run

SCHEMA_VERSION = 1
PHASE = "phase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control of a standard, and what a restore drill shows of it, in our words."""

    standard: str
    control: str
    asks: str


CONTROLS = (
    Control(
        standard="ISO/IEC 27001:2022",
        control="A.8.13",
        asks="copies of information, software and systems are kept, and regularly tested",
    ),
    Control(
        standard="SOC 2 (Trust Services Criteria)",
        control="A1.2",
        asks="backups and the means of recovery are made, run and watched to meet the availability that was promised",
    ),
    Control(
        standard="SOC 2 (Trust Services Criteria)",
        control="A1.3",
        asks="the procedures of recovery are tested",
    ),
)


def certificate(record: dict[str, Any], *, issuer: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """The certificate of a judged run. `digests`: file below the run directory → its SHA-256, hexadecimal.

    Raises UsageError for a run in which no restore drill ran to an outcome.
    """
    run = read_run(record)
    drills = [one for one in run.findings if one.kind is Kind.DRILL and one.outcome is not Outcome.SKIPPED]
    if not drills:
        raise UsageError(f"run {run.run_id} holds no restore drill: there is nothing to certify")
    others = {one.id for one in run.findings if one.kind is not Kind.DRILL}  # another matter
    return {
        "schema_version": SCHEMA_VERSION,
        "document": "certificate of a restore drill",
        "run_id": run.run_id,
        "issuer": issuer,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "command": run.command,
        "tool": run.tool,
        "policy": run.policy,
        "verdict": run.verdict.value,
        "headline": run.headline,
        "subject": _subject(run),
        "drills": [_drill(one) for one in drills],
        "not_shown": [{"id": one.id, "reason": one.reason} for one in run.not_proven if one.id not in others],
        "failures_of_the_tool": [*run.unhealed, *run.harness_errors],
        "controls": [_supported(one, drills) for one in CONTROLS],
        "evidence": dict(sorted(digests.items())),
    }


def _subject(run: Judgement) -> dict[str, Any]:
    return {
        "stack": run.stack.name,
        "runtime": run.stack.runtime,
        "fingerprint": run.stack.fingerprint,
        "revision": run.commit,
        "images": run.stack.images,
        "versions": run.stack.versions,
        "data_size": run.stack.data_size,
    }


def _drill(finding: Finding) -> dict[str, Any]:
    spans = [one for one in finding.timeline.spans if one.kind == PHASE]
    return {
        "id": finding.id,
        "title": finding.title,
        "outcome": finding.outcome.value,
        "reason": finding.reason,
        "waived_until": finding.waiver.expires if finding.waiver else None,
        "started_at": finding.started_at,
        "duration_s": finding.duration_s,
        "phases": [{"name": one.name, "seconds": round(one.end_s - one.start_s, 6)} for one in spans],
        "expectations": [
            {
                "name": one.observation,
                "expected": one.expected,
                "measured": one.actual,
                "outcome": one.outcome.value,
                "reason": one.reason,
            }
            for one in finding.expectations
        ],
        "evidence": list(finding.evidence),
    }


def _supported(control: Control, drills: Sequence[Finding]) -> dict[str, Any]:
    """A control is supported by drills that pass; whatever did not pass stands beside them."""
    passed = [one.id for one in drills if one.outcome is Outcome.PASS]
    other = [one.id for one in drills if one.outcome is not Outcome.PASS]
    return {
        "standard": control.standard,
        "control": control.control,
        "asks": control.asks,
        "supported": bool(passed) and not other,
        "supported_by": passed,
        "contradicted_by": other,
    }


def page(document: Mapping[str, Any], record: dict[str, Any]) -> str:
    """certificate.html: one file without a script, for the screen and for paper."""
    run = read_run(record)
    shown = {one["id"] for one in document["drills"]}
    findings = [one for one in run.findings if one.id in shown]
    css = text_of("report.css")
    drawings = {one.id: charts(one, f"drill-{number}") for number, one in enumerate(findings)}
    return (
        environment()
        .get_template("certificate.html.j2")
        .render(css=css, csp=page_policy(css), document=document, charts=drawings)
    )
