"""The matrix of the self-test: verification by seeded defect, and what it proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gonogo.core.outcome import ExitCode, Outcome
from gonogo.core.quantity import format_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the matrix. `red` are the expectations that failed; `fails` those that had to."""

    id: str
    healthy: str
    defect: str  # the verification's outcome on the defect, "" where it was not run
    defect_name: str
    fails: tuple[str, ...]
    red: tuple[str, ...]
    reason: str = ""  # why it was not run, or what happened instead
    undecided: bool = False  # what had to be red is UNKNOWN: worth another try; a PASS never is
    not_green: bool = False  # the healthy stack itself fails, or was not measured: no defect can be seen on it

    @property
    def proven(self) -> bool:
        """Green on healthy, and every expectation that the defect names is red."""
        return self.healthy == Outcome.PASS.value and set(self.fails) <= set(self.red)

    @property
    def shown(self) -> bool:
        """Whether the defect could be tried here at all."""
        return self.defect != ""

    @property
    def counts(self) -> bool:
        """Whether the self-test stands or falls with it."""
        return self.shown or self.not_green

    def to_json(self) -> dict[str, Any]:
        """As printed by `gonogo selftest --json`."""
        return {
            "id": self.id,
            "healthy": self.healthy,
            "defect": self.defect,
            "defect_name": self.defect_name,
            "fails": list(self.fails),
            "red": list(self.red),
            "reason": self.reason,
            "proven": self.proven,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole self-test. `undefended` are verifications without any defect.

    `unseen` are (verification, expectation) that are green here and that no defect of this stack could have turned red.
    """

    rows: tuple[Row, ...]
    undefended: tuple[str, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
    interrupted: str | None = None
    strict: bool = False  # what is unseen holds

    @property
    def tried(self) -> tuple[Row, ...]:
        """The rows that count: those whose defect could be tried, and those of what is not green without one."""
        return tuple(row for row in self.rows if row.counts)

    @property
    def exit_code(self) -> ExitCode:
        """0: all proven; 1: a verification that does not notice its defect, or is red on healthy; 3: not all shown."""
        if any(not row.proven for row in self.tried) or self.undefended:
            return ExitCode.NO_GO
        if self.interrupted or not self.tried or (self.strict and self.unseen):
            return ExitCode.HOLD
        return ExitCode.GO

    def to_json(self) -> dict[str, Any]:
        """As printed by `gonogo selftest --json`."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "proven": sum(row.proven for row in self.tried),
            "total": len(self.tried),
            "not_shown": [
                {"id": row.id, "defect_name": row.defect_name, "reason": row.reason}
                for row in self.rows
                if not row.counts
            ],
            "unseen": [{"id": identifier, "expectation": name} for identifier, name in self.unseen],
            "undefended": list(self.undefended),
            "interrupted": self.interrupted,
        }


def summary(matrix: Matrix, seconds: float) -> str:
    """One line for people."""
    tried = matrix.tried
    proven = sum(row.proven for row in tried)
    hidden = len(matrix.rows) - len(tried)
    extra = f", {hidden} not shown here" if hidden else ""
    extra += f", {len(matrix.unseen)} expectations never seen to fail" if matrix.unseen else ""
    return f"{proven} of {len(tried)} defects noticed{extra}, in {format_seconds(seconds)}"
