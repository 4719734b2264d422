"""What `verify-backup` made of the corpus of broken backups: member by member, and counted by method and mutation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gonogo.core.outcome import ExitCode
from gonogo.core.quantity import format_seconds


class Judged(StrEnum):
    """What a member shows."""

    CAUGHT = "caught"  # broken, and NO-GO or refused
    HELD = "held"  # broken, and HOLD: it says what could not be found out
    MISSED = "missed"  # broken, and good
    PASSED = "passed"  # harmless, and good
    ALARM = "false alarm"  # harmless, and not good
    NOT_TRIED = "not tried"  # it could not be made


WRONG = (Judged.MISSED, Judged.ALARM)
REFUSED = "refused"
GOOD = ("GO", "PARTIAL")
HEALTHY = "healthy"  # the mutation that changes nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One member. `broken` is the oracle's reason, None where it is harmless; `kept` where it and the evidence lie."""

    id: str
    method: str
    mutation: str
    what: str
    broken: str | None = None
    verdict: str = ""  # "" where it was not tried
    reason: str = ""
    alone: bool = False  # whether it would be caught without a reference too
    seconds: float = 0.0
    kept: str = ""

    @property
    def judged(self) -> Judged:
        """What it shows."""
        if not self.verdict:
            return Judged.NOT_TRIED
        if self.broken is None:
            return Judged.PASSED if self.verdict in GOOD else Judged.ALARM
        if self.verdict in GOOD:
            return Judged.MISSED
        return Judged.HELD if self.verdict == "HOLD" else Judged.CAUGHT

    def to_json(self) -> dict[str, Any]:
        """As printed by `gonogo selftest --drills --json`."""
        return {
            "id": self.id,
            "method": self.method,
            "mutation": self.mutation,
            "what": self.what,
            "broken": self.broken,
            "verdict": self.verdict,
            "reason": self.reason,
            "judged": self.judged.value,
            "caught_without_reference": self.alone,
            "seconds": round(self.seconds, 3),
            "kept": self.kept,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusMatrix:
    """The whole corpus. `seed` makes it again."""

    seed: int
    tried: tuple[Tried, ...]
    interrupted: str | None = None
    left_out: tuple[str, ...] = ()  # methods by which no backup can be made here, and why

    def counts(self) -> Mapping[tuple[str, str], Counter[Judged]]:
        """How many members of each method and mutation show what."""
        found: dict[tuple[str, str], Counter[Judged]] = {}
        for one in self.tried:
            found.setdefault((one.method, one.mutation), Counter())[one.judged] += 1
        return found

    @property
    def total(self) -> Counter[Judged]:
        """Of all members."""
        return Counter(one.judged for one in self.tried)

    @property
    def broken(self) -> int:
        """Members that the oracle calls broken."""
        return sum(self.total[one] for one in (Judged.CAUGHT, Judged.HELD, Judged.MISSED))

    @property
    def alone(self) -> int:
        """Those that are caught without a reference too."""
        return sum(one.alone for one in self.tried if one.judged is Judged.CAUGHT)

    def wrong(self) -> Iterator[Tried]:
        """The members that show a mistake of ours."""
        return (one for one in self.tried if one.judged in WRONG)

    @property
    def exit_code(self) -> ExitCode:
        """0: every broken one is caught or held, no false alarm; 1: one is not; 3: nothing, or not all, was shown."""
        if any(self.wrong()):
            return ExitCode.NO_GO
        if self.interrupted or self.total[Judged.NOT_TRIED] or not self.total[Judged.CAUGHT]:
            return ExitCode.HOLD
        return ExitCode.GO

    def to_json(self) -> dict[str, Any]:
        """As printed by `gonogo selftest --drills --json`."""
        cells = [
            {"method": method, "mutation": mutation, **{one.value: counted[one] for one in Judged}}
            for (method, mutation), counted in sorted(self.counts().items())
        ]
        total = {one.value: self.total[one] for one in Judged}
        return {
            "seed": self.seed,
            "members": len(self.tried),
            "broken": self.broken,
            "caught_without_reference": self.alone,
            "total": total,
            "cells": cells,
            "tried": [one.to_json() for one in self.tried],
            "interrupted": self.interrupted,
            "left_out": list(self.left_out),
        }


def summary(matrix: CorpusMatrix, seconds: float) -> str:
    """One line for people."""
    total = matrix.total
    caught = total[Judged.CAUGHT] + total[Judged.HELD]
    harmless = total[Judged.PASSED] + total[Judged.ALARM]
    left = f", {total[Judged.NOT_TRIED]} not tried" if total[Judged.NOT_TRIED] else ""
    left += f", left out {'; '.join(matrix.left_out)}" if matrix.left_out else ""
    return (
        f"seed {matrix.seed}: {caught} of {matrix.broken} broken backups caught ({total[Judged.HELD]} of them HOLD, "
        f"{matrix.alone} also without a reference), {total[Judged.MISSED]} missed; {harmless} harmless ones, "
        f"{total[Judged.ALARM]} false alarms{left}; in {format_seconds(seconds)}"
    )
