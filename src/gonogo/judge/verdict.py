"""The verdict: a conjunction of gates (design §2). The score has no say in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gonogo.core.finding import Finding
from gonogo.core.outcome import ExitCode, Outcome, SkipReason, Verdict
from gonogo.core.plan import ResolvedPolicy
from gonogo.judge.judgement import NotProven


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the gates say."""

    verdict: Verdict
    exit_code: ExitCode
    headline: str
    blockers: tuple[str, ...]
    unknowns: tuple[str, ...]
    holds: tuple[str, ...]
    not_proven: tuple[NotProven, ...]


def rule(
    findings: Sequence[Finding],
    policy: ResolvedPolicy,
    *,
    partial: str | None,
    stopped: str | None,
    broken: Sequence[str],
    overdue: Sequence[NotProven] = (),
) -> Ruling:
    """Apply the gates.

    `stopped` says why the run did not get to its end; `broken` holds unhealed faults and failures of gonogo (exit 4);
    `overdue` what should have passed lately.
    """
    gating = [finding for finding in findings if finding.gating]
    blockers = tuple(one.id for one in gating if one.outcome is Outcome.FAIL and one.waiver is None)
    holds = (*(one.id for one in gating if _holds(one, policy)), *_absent(findings, policy, partial))
    holds = tuple(dict.fromkeys((*holds, *(one.id for one in overdue))))
    unproven = not any(one.outcome is Outcome.PASS for one in gating) and not blockers
    verdict = _verdict(blockers, bool(holds or unproven or stopped or broken), partial)
    return Ruling(
        verdict=verdict,
        exit_code=_exit_code(verdict, broken),
        headline=_headline(findings, blockers, holds, [*broken, *([stopped] if stopped else [])], overdue),
        blockers=blockers,
        unknowns=tuple(one.id for one in findings if one.outcome is Outcome.UNKNOWN),
        holds=holds,
        not_proven=(*_not_proven(findings, policy, partial), *overdue),
    )


def accepted(finding_id: str, policy: ResolvedPolicy) -> str | None:
    """The policy's reason for accepting an unsupported item. By name alone: a pattern would accept the unknown."""
    return policy.accept_unsupported.get(finding_id)


def _skipped_for(finding: Finding, reason: SkipReason) -> bool:
    return finding.outcome is Outcome.SKIPPED and finding.skip is reason


def _holds(finding: Finding, policy: ResolvedPolicy) -> bool:
    if finding.outcome is Outcome.UNKNOWN or _skipped_for(finding, SkipReason.DROPPED):
        return True
    return _skipped_for(finding, SkipReason.UNSUPPORTED) and accepted(finding.id, policy) is None


def _absent(findings: Sequence[Finding], policy: ResolvedPolicy, partial: str | None) -> tuple[str, ...]:
    """Required items that the suite does not even hold, or that the stack file calls itself too small for."""
    if partial:
        return ()
    elsewhere = (SkipReason.DESELECTED, SkipReason.NOT_APPLICABLE)
    present = {one.id for one in findings if not any(_skipped_for(one, reason) for reason in elsewhere)}
    return tuple(required for required in policy.require if required not in present)


def _verdict(blockers: Sequence[str], hold: bool, partial: str | None) -> Verdict:
    if blockers:
        return Verdict.NO_GO
    if hold:
        return Verdict.HOLD
    return Verdict.PARTIAL if partial else Verdict.GO


def _exit_code(verdict: Verdict, broken: Sequence[str]) -> ExitCode:
    if broken:
        return ExitCode.HARNESS_FAILED
    return {Verdict.NO_GO: ExitCode.NO_GO, Verdict.HOLD: ExitCode.HOLD}.get(verdict, ExitCode.GO)


def _not_proven(findings: Sequence[Finding], policy: ResolvedPolicy, partial: str | None) -> tuple[NotProven, ...]:
    rows = []
    for finding in findings:
        if finding.outcome is Outcome.PASS and finding.reason:
            rows.append(NotProven(id=finding.id, reason=f"passes in part: {finding.reason}"))
        if finding.outcome is not Outcome.SKIPPED:
            continue
        reason = finding.reason
        if _skipped_for(finding, SkipReason.UNSUPPORTED):
            why = accepted(finding.id, policy)
            reason += f"; accepted by the policy: {why}" if why else "; not accepted by the policy"
        elif finding.id in policy.require:
            reason += "; required by the policy"
        rows.append(NotProven(id=finding.id, reason=reason))
    told = {row.id for row in rows}
    rows += [
        NotProven(id=one, reason="required by the policy, absent from the suite")
        for one in _absent(findings, policy, partial)
        if one not in told
    ]
    return tuple(rows)


def _headline(
    findings: Sequence[Finding],
    blockers: Sequence[str],
    holds: Sequence[str],
    stopped: Sequence[str],
    overdue: Sequence[NotProven],
) -> str:
    """The first of: what fails, what stopped the run, what is not proven."""
    by_id = {finding.id: finding for finding in findings}
    reasons = {**{one.id: one.reason for one in findings}, **{one.id: one.reason for one in overdue}}
    if blockers:
        first = by_id[blockers[0]]
        return f"{first.id} fails: {first.reason}{_and_more(blockers)}"
    if stopped:
        return stopped[0]
    if holds:
        reason = reasons.get(holds[0], "required by the policy, absent from the suite")
        return f"{holds[0]} is not proven: {reason}{_and_more(holds)}"
    passed = sum(finding.outcome is Outcome.PASS for finding in findings)
    told = "1 verification passes" if passed == 1 else f"{passed} verifications pass"
    return f"all gates hold: {told}" if passed else "no gating item was proven"


def _and_more(ids: Sequence[str]) -> str:
    return f" (and {len(ids) - 1} more)" if len(ids) > 1 else ""
