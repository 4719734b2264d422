"""Reports of a judged run: HTML, JUnit, Markdown; the terminal; the JSON schema of run.json.

A report format is one file in `gonogo.reports.formats` (or a plug-in named `report format:NAME`) with a `FORMAT`.
Formats are pure functions of the public record, run.json, and import nothing of the live column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry
from gonogo.rundir.files import write_atomically

__all__ = ["FORMATS", "Format", "ReportFormat", "write_all"]


@runtime_checkable
class ReportFormat(Protocol):
    """One way to show a judged run."""

    @property
    def filename(self) -> str:
        """What the report is called in the run directory."""
        ...

    @property
    def render(self) -> Callable[[dict[str, Any]], str]:
        """From run.json as a dict to the report's text; the same run gives the same bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A `ReportFormat` made of its two parts."""

    filename: str
    render: Callable[[dict[str, Any]], str]


FORMATS: Registry[ReportFormat] = Registry("report format", "gonogo.reports.formats", "FORMAT", ReportFormat)


def write_all(run: dict[str, Any], directory: Path, formats: Sequence[str] | None = None) -> list[Path]:
    """Write the named formats (default: all) into `directory`, whole files of mode 0600; returns their paths.

    Raises UsageError for an unknown name. Links to evidence are relative to `directory`, which is the run directory.
    """
    written = []
    for name in FORMATS.names() if formats is None else formats:
        report = FORMATS.load(name)
        path = directory / report.filename
        write_atomically(path, report.render(run).encode("utf-8", errors="replace"))
        written.append(path)
    return written
