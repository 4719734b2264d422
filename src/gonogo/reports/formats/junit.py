"""junit.xml: one suite per area, one case per verification.

FAIL is a failure; UNKNOWN an error; SKIPPED and a waived FAIL are skipped, since their gate is lifted.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from gonogo.core.finding import Finding
from gonogo.core.outcome import Outcome
from gonogo.judge.judgement import Judgement
from gonogo.reports import Format
from gonogo.reports.reading import read_run
from gonogo.reports.view import scope

ELEMENTS = {Outcome.FAIL: "failure", Outcome.UNKNOWN: "error", Outcome.SKIPPED: "skipped"}


def render(run: dict[str, Any]) -> str:
    """The XML document; texts were freed of what XML forbids when `run` was read."""
    judgement = read_run(run)
    root = ET.Element("testsuites", {"name": f"gonogo {judgement.suite}".strip(), **_totals(judgement.findings)})
    areas = dict.fromkeys(finding.area for finding in judgement.findings)
    for area in areas:
        own = [finding for finding in judgement.findings if finding.area is area]
        root.append(_suite(judgement, area.value, own))
    if judgement.exit_code == 4 or not judgement.findings:
        root.append(_run_suite(judgement))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="utf-8"?>\n', "\n")
    )


def _suite(judgement: Judgement, area: str, findings: list[Finding]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": area, "timestamp": judgement.started_at, **_totals(findings)})
    _properties(suite, {"verdict": judgement.verdict.value, **dict(scope(judgement))})
    suite.extend(_case(finding) for finding in findings)
    return suite


def _run_suite(judgement: Judgement) -> ET.Element:
    """gonogo's own failure, so that no reader of the file sees green where nothing was measured."""
    totals = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0", "time": "0.000"}
    suite = ET.Element("testsuite", {"name": "run", "timestamp": judgement.started_at, **totals})
    case = ET.SubElement(suite, "testcase", {"classname": "gonogo.run", "name": "the run itself", "time": "0.000"})
    error = ET.SubElement(case, "error", {"message": judgement.headline, "type": "harness"})
    error.text = "\n".join((*judgement.unhealed, *judgement.harness_errors))
    return suite


def _totals(findings: list[Finding] | tuple[Finding, ...]) -> dict[str, str]:
    kinds = [_element(finding) for finding in findings]
    seconds = sum(finding.duration_s or 0.0 for finding in findings)
    return {
        "tests": str(len(findings)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{seconds:.3f}",
    }


def _element(finding: Finding) -> str | None:
    return "skipped" if finding.waiver is not None else ELEMENTS.get(finding.outcome)


def _case(finding: Finding) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": f"gonogo.{finding.area.value}",
            "name": finding.id,
            "file": finding.source.file,
            "line": str(finding.source.line),
            "time": f"{finding.duration_s or 0.0:.3f}",
        },
    )
    _properties(case, {"title": finding.title, **_facts(finding)})
    kind = _element(finding)
    if kind is not None:
        outcome = ET.SubElement(case, kind, {"message": _message(finding), "type": finding.severity.value})
        outcome.text = _details(finding)
    if finding.evidence:
        ET.SubElement(case, "system-out").text = "\n".join(f"[[ATTACHMENT|{path}]]" for path in finding.evidence)
    return case


def _facts(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "gating": str(finding.gating).lower(),
        "covers": ", ".join(finding.covers),
        "outcome": finding.outcome.value,
    }


def _message(finding: Finding) -> str:
    if finding.waiver is not None:
        return f"waived until {finding.waiver.expires} ({finding.waiver.owner}): {finding.waiver.reason}"
    return finding.reason


def _details(finding: Finding) -> str:
    lines = [finding.reason] if finding.waiver is not None else []
    for one in finding.expectations:
        lines.append(f"{one.outcome}  {one.observation}: expected {one.expected}, actual {one.actual}")
        lines += [f"      {subject}" for subject in one.subjects]
        lines += [f"      {one.reason}"] if one.reason else []
    if finding.remedy and finding.outcome is Outcome.FAIL:
        lines += ["", "Remedy:", finding.remedy.rstrip()]
    return "\n".join(lines)


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        if value:
            ET.SubElement(properties, "property", {"name": name, "value": value})


FORMAT = Format(filename="junit.xml", render=render)
