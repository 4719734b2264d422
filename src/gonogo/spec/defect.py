"""Seeded defects: how a verification is turned red on purpose, and which expectations that must redden."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gonogo.spec.base import Spec

MEANS = ("sql", "reference", "stack", "fault", "artefact", "objectives", "files", "with_", "llm")


class FileEdit(Spec):
    """A change to one file of a scratch copy of the application's source."""

    replace: str | None = None  # regular expression (multi-line)
    by: str = ""
    append: str | None = None
    delete: bool = False


class DefectSpec(Spec):
    """One seeded defect. Exactly one means; `fails` names the expectations that it must turn red.

    sql         statements run on a scratch copy of the stack, as `role` on service `on`; `reconnect` restarts a service
    reference   a named defect of the application's wrapper, as examples/reference_rag_defects is one
    stack       values that replace dotted keys of the stack file
    fault       changed parameters of the scenario's faults, by fault name
    artefact    a named way to break the backup of a drill
    objectives  changed objectives
    files       edits to a scratch copy of the application's source, by relative path
    with        changed parameters of the verification itself
    llm         behaviour of the LLM stub (latency_seconds, error_rate, error_status, hang, outage)
    """

    sql: str | tuple[str, ...] | None = None
    role: str = "owner"  # owner | application | admin
    on: str | None = None  # a service or standby; default the main database
    reconnect: str | None = None
    reference: str | None = None
    stack: dict[str, Any] | None = None
    fault: dict[str, dict[str, Any]] | None = None
    artefact: str | None = None
    objectives: dict[str, Any] | None = None
    files: dict[str, FileEdit] | None = None
    with_: dict[str, Any] | None = Field(default=None, alias="with")
    llm: dict[str, Any] | None = None
    fails: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_means(self) -> DefectSpec:
        given = [name.rstrip("_") for name in MEANS if getattr(self, name) is not None]
        if len(given) != 1:
            allowed = ", ".join(name.rstrip("_") for name in MEANS)
            raise ValueError(f"exactly one means is needed, found {given or 'none'}; allowed: {allowed}")
        return self

    @property
    def means(self) -> str:
        """The means' name."""
        return next(name for name in MEANS if getattr(self, name) is not None).rstrip("_")

    @property
    def name(self) -> str:
        """A short name for the matrix of the self-test."""
        value = getattr(self, self.means if self.means != "with" else "with_")
        if isinstance(value, dict):
            return f"{self.means}: " + ", ".join(f"{key}={_short(entry)}" for key, entry in value.items())
        return f"{self.means}: {_short(value)}"


def _short(value: Any) -> str:
    text = " ".join(str(value if not isinstance(value, tuple) else "; ".join(value)).split())
    return text if len(text) <= 60 else text[:57] + "…"
