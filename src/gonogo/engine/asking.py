"""Which requests of the contract a verification cannot do without: where one is not declared it is unsupported."""

from __future__ import annotations

from gonogo.core.outcome import Kind
from gonogo.engine.accepted import Accepted
from gonogo.probes import PROBES, Asking
from gonogo.spec.content import Verification
from gonogo.spec.contract import ContractSpec
from gonogo.spec.verification import CheckSpec


def not_declared(verification: Verification, contract: ContractSpec, accepted: Accepted | None = None) -> str | None:
    """Why the contract has too little for a verification, None where it has enough."""
    missing = dict.fromkeys(_missing(verification, contract, accepted))
    without = [name for name in missing if name in contract.without]
    forgotten = [name for name in missing if name not in contract.without]
    reasons = []
    if forgotten:
        reasons.append(f"the contract declares no {' and no '.join(forgotten)} request")
    if without:
        reasons.append(f"the contract says that the application has no {' and no '.join(without)} request")
    return "; ".join(reasons) or None


def _missing(verification: Verification, contract: ContractSpec, accepted: Accepted | None) -> tuple[str, ...]:
    spec = verification.spec
    if verification.kind is Kind.LOAD:
        return tuple(name for name in spec.with_.requests if getattr(contract, name, None) is None)
    if verification.kind is not Kind.CHECK:
        return ()
    if accepted is None:
        return _undeclared(spec, contract)
    given = spec.with_ or {}
    known = accepted.get("undeclared", PROBES, spec.probe, given)
    if known is None:
        known = _undeclared(spec, contract)
        accepted.add("undeclared", PROBES, spec.probe, given, known)
    return known


def _undeclared(spec: CheckSpec, contract: ContractSpec) -> tuple[str, ...]:
    probe = PROBES.load(spec.probe)
    if not isinstance(probe, Asking):
        return ()
    return probe.undeclared(probe.parameters.model_validate(spec.with_ or {}), contract)
