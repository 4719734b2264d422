"""What a GitHub workflow shows beside the code: one command line for each of the worst findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gonogo.core.finding import Finding
from gonogo.core.outcome import Severity
from gonogo.reports.reading import read_run
from gonogo.reports.view import named, on_one_line

MOST = 10  # GitHub shows ten errors and ten warnings of a step


def workflow_commands(run: dict[str, Any]) -> list[str]:
    """Workflow commands: errors for what broke and what blocks, warnings for what gates and is unknown."""
    judgement = read_run(run)
    broken = [_command("error", text, title="gonogo") for text in (*judgement.unhealed, *judgement.harness_errors)]
    blocking = [row.finding for row in named(judgement, judgement.blockers) if row.finding]
    unknown = [row.finding for row in named(judgement, judgement.unknowns) if row.finding and row.finding.gating]
    errors = [*broken, *(_annotation("error", one) for one in _worst(blocking))]
    return [*errors[:MOST], *[_annotation("warning", one) for one in _worst(unknown)][:MOST]]


def _worst(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))


def _annotation(level: str, finding: Finding) -> str:
    where = finding.source
    return _command(level, finding.reason, file=where.file, line=str(where.line), title=finding.id)


def _command(level: str, message: str, **properties: str) -> str:
    """One workflow command.

    >>> _command("error", "100%, see a:b", title="a, b")
    '::error title=a%2C b::100%25, see a:b'
    """
    listed = ",".join(f"{key}={_escaped(value, more=True)}" for key, value in properties.items())
    return f"::{level} {listed}::{_escaped(on_one_line(message))}"


def _escaped(text: str, *, more: bool = False) -> str:
    for sign in "%\r\n:," if more else "%\r\n":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
