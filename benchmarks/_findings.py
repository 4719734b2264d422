"""Two runs of one stack file, finding by finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

BUSY = ("others kept", "too busy to measure")  # a slow result on a busy host proves nothing, on either runtime
MISSING = "is not in this run"
UNSUPPORTED = "unsupported"
NOT_APPLICABLE = "not applicable"


class Why(StrEnum):
    """What explains that two findings differ."""

    CAPABILITY = "a capability that one runtime lacks"
    CONTENTION = "others kept the machine busy"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A verification, or one of its expectations, that came out differently."""

    id: str
    left: str
    right: str
    why: Why
    reason: str


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """What differs between two records of run.json: outcomes, then the expectations of what has the same outcome."""
    first, second = _by_id(left), _by_id(right)
    found: list[Difference] = []
    for identifier in sorted(first.keys() | second.keys()):
        pair = (first.get(identifier), second.get(identifier))
        found += _of_finding(identifier, pair)
    return found


def _by_id(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {one["id"]: one for one in record["findings"]}


def _of_finding(identifier: str, pair: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]) -> list[Difference]:
    words = [_word(one) for one in pair]
    if words[0] != words[1]:
        reasons = [_reason(one) for one in pair]
        return [_difference(identifier, words, reasons)]
    outcomes = [_expectations(one or {}) for one in pair]
    keys = sorted(outcomes[0].keys() | outcomes[1].keys())
    return [
        _difference(f"{identifier} {key}", [one.get(key, (MISSING, ""))[0] for one in outcomes],
                    [one.get(key, ("", ""))[1] for one in outcomes])
        for key in keys
        if outcomes[0].get(key, (MISSING, ""))[0] != outcomes[1].get(key, (MISSING, ""))[0]
    ]  # fmt: skip


def _difference(identifier: str, words: list[str], reasons: list[str]) -> Difference:
    return Difference(
        id=identifier,
        left=words[0],
        right=words[1],
        why=_why(words, reasons),
        reason="; ".join(dict.fromkeys(one for one in reasons if one)),
    )


def _why(words: list[str], reasons: list[str]) -> Why:
    if UNSUPPORTED in words:
        return Why.CAPABILITY
    return Why.CONTENTION if any(map(busy, reasons)) else Why.NOTHING


def busy(reason: str) -> bool:
    """Whether a finding is UNKNOWN since others kept the machine busy."""
    return any(words in reason for words in BUSY)


def _word(finding: Mapping[str, Any] | None) -> str:
    """The outcome; of what was skipped, why."""
    if finding is None:
        return MISSING
    return str(finding["skip"] or finding["outcome"])


def _reason(finding: Mapping[str, Any] | None) -> str:
    return str(finding["reason"] or "") if finding else ""


def _expectations(finding: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Outcome and reason by expectation; where one is meant for several subjects apart, numbered."""
    found: dict[str, tuple[str, str]] = {}
    for one in finding.get("expectations", ()):
        key = f"{one['observation']} {one['matcher']}"
        number = sum(other == key or other.startswith(f"{key} #") for other in found)
        found[f"{key} #{number + 1}" if number else key] = (one["outcome"], one["reason"] or "")
    return found


def held_by_others(record: Mapping[str, Any]) -> bool:
    """Whether nothing but what others did on the machine kept a run from GO."""
    unknown = [one["reason"] or "" for one in record["findings"] if one["id"] in record["unknowns"]]
    return record["verdict"] == "HOLD" and bool(unknown) and all(map(busy, unknown))


def counts(record: Mapping[str, Any]) -> dict[str, int]:
    """How many findings came to each outcome, or were skipped for each reason."""
    found: dict[str, int] = {}
    for word in _words(record):
        found[word] = found.get(word, 0) + 1
    return found


def _words(record: Mapping[str, Any]) -> Iterator[str]:
    return (_word(one) for one in record["findings"])
