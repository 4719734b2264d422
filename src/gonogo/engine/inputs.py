"""What a run is asked to do, read and validated before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gonogo.core.errors import Problem, SpecError, UsageError
from gonogo.core.finding import Waiver
from gonogo.core.memory import Memory
from gonogo.core.outcome import Kind, Severity
from gonogo.core.plan import ResolvedPolicy
from gonogo.core.suggestion import did_you_mean
from gonogo.engine.objectives import check_limits, check_objectives, stricter
from gonogo.spec.content import Verification, find_config, find_verifications
from gonogo.spec.defect import DefectSpec
from gonogo.spec.loader import Loaded, load, parse
from gonogo.spec.protected import ProtectedSpec
from gonogo.spec.stack import StackSpec
from gonogo.spec.suite import PolicySpec, SuiteSpec

DEEPEST_INHERITANCE = 5
BACKUP_ITEM = "restore_drills/verify_backup"  # what `gonogo verify-backup` shows, under the stack's name if it has one


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of the command line that shape a run."""

    stack: str = "reference"
    runtime: str = "auto"
    suite: str = "ci"
    policy: str | None = None
    content: tuple[Path, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()  # empty: all kinds of the suite
    max_duration_s: float | None = None
    out: Path | None = None
    keep_up: bool = False
    command: str = "gonogo gate"
    compare_strategies: bool = False  # the drills share one disaster and are compared
    stack_changes: Mapping[str, Any] = field(default_factory=dict)  # dotted key of the stack file → value
    objective_changes: Mapping[str, str | int | float] = field(default_factory=dict)
    fault_changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    with_changes: Mapping[str, Any] = field(default_factory=dict)
    sql_defect: DefectSpec | None = None  # statements that break the started stack before it is looked at
    artefact_defect: str | None = None
    application_source: Path | None = None
    require_recent: Mapping[str, float] = field(default_factory=dict)  # id → seconds, beside the policy's
    history: Path | None = None  # where earlier runs are looked up; None: nowhere
    allow_destructive: bool = False  # external: what the stack file calls disposable may be written to and broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was read: nothing of it is read again later."""

    options: RunOptions
    stack: Loaded[StackSpec]
    suite: SuiteSpec
    policy: PolicySpec
    verifications: dict[str, Verification]

    @property
    def protected(self) -> ProtectedSpec:
        """What must never be broken: the stack's own list and the policy's."""
        return self.stack.spec.protected.joined(self.policy.protected)

    @property
    def claimed(self) -> dict[str, str | int | float]:
        """What the stack itself promises."""
        return {**self.stack.spec.objectives, **self.options.objective_changes}

    @property
    def objectives(self) -> dict[str, str]:
        """Objectives as text: the stricter one of the stack's and the policy's, or the only one there is."""
        limits = self.policy.limits
        merged = {**{name: getattr(limit, limit.matcher) for name, limit in limits.items()}, **self.claimed}
        return {name: str(stricter(name, value, limits.get(name))) for name, value in merged.items()}


def read_inputs(options: RunOptions, memory: Memory | None = None) -> Inputs:
    """Read stack, suite, policy and content. Raises SpecError with the problems of all files, or UsageError."""
    problems: list[Problem] = []
    results: dict[str, Any] = {}
    readers: dict[str, Callable[[], Any]] = {
        "stack": lambda: load_stack(options, memory),
        "suite": lambda: load(find_config("suites", options.suite, options.content), SuiteSpec, memory).spec,
        "verifications": lambda: find_verifications(options.content, memory),
    }
    for name, read in readers.items():
        try:
            results[name] = read()
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    policies = _inherited(options.policy or results["suite"].policy, options.content, memory)
    check_limits(policies, results["verifications"])
    policy = _with_recent(_merged(policies), options, [*results["verifications"], BACKUP_ITEM])
    return Inputs(options=options, policy=policy, **results)


def _with_recent(policy: PolicySpec, options: RunOptions, identifiers: Sequence[str]) -> PolicySpec:
    """The policy with what the command line wants to have passed lately. Raises UsageError for what nobody knows."""
    wanted = {**policy.require_recent, **options.require_recent}
    for name in wanted:
        if name not in identifiers:
            source = "--require-drill" if name in options.require_recent else f"policy {policy.policy}: require_recent"
            hint = did_you_mean(name, identifiers) or "; `gonogo list` shows all"
            raise UsageError(f"{source} {name!r} names no verification{hint}")
    return policy.model_copy(update={"require_recent": wanted})


def load_stack(options: RunOptions, memory: Memory | None = None) -> Loaded[StackSpec]:
    """The stack file with the changes of the options."""
    document = parse(find_config("stacks", options.stack, options.content), memory)
    data = document.data
    for dotted, value in options.stack_changes.items():
        data = changed(data, dotted.split("."), value)
    document = replace(document, data=data)
    stack = Loaded(spec=document.validate(StackSpec), document=document)
    check_objectives(stack)
    return stack


def changed(data: Any, keys: Sequence[str], value: Any) -> Any:
    """A copy with one key replaced; a value of None removes the key.

    >>> changed({"a": {"b": 1, "c": 2}}, ["a", "b"], 5)
    {'a': {'b': 5, 'c': 2}}
    >>> changed({"a": {"b": 1}}, ["a", "b"], None)
    {'a': {}}
    """
    if not isinstance(data, dict):
        data = {}
    key, *rest = keys
    if rest:
        return {**data, key: changed(data.get(key, {}), rest, value)}
    if value is None:
        return {name: entry for name, entry in data.items() if name != key}
    return {**data, key: value}


def load_policy(name: str, content: Sequence[Path] = ()) -> PolicySpec:
    """A policy with everything it inherits. Raises SpecError, UsageError for a circle."""
    return _merged(_inherited(name, content))


def _inherited(name: str, content: Sequence[Path], memory: Memory | None = None) -> list[Loaded[PolicySpec]]:
    """A policy and those it extends, one after the other."""
    chain: list[Loaded[PolicySpec]] = []
    next_name: str | None = name
    while next_name is not None:
        if len(chain) >= DEEPEST_INHERITANCE:
            raise UsageError(f"policy {name} inherits from more than {DEEPEST_INHERITANCE} policies, or in a circle")
        chain.append(load(find_config("policies", next_name, content), PolicySpec, memory))
        next_name = chain[-1].spec.extends
    return chain


def _merged(chain: Sequence[Loaded[PolicySpec]]) -> PolicySpec:
    *policies, merged = (one.spec for one in chain)
    for policy in reversed(policies):
        merged = _over(policy, merged)
    return merged


def _over(policy: PolicySpec, inherited: PolicySpec) -> PolicySpec:
    """What `policy` states, over what it inherits; tables are merged key by key, everything else is replaced."""
    stated: dict[str, Any] = {name: getattr(policy, name) for name in policy.model_fields_set}
    merged = {
        name: {**getattr(inherited, name), **value} if isinstance(value, dict) else value
        for name, value in stated.items()
    }
    merged["protected"] = inherited.protected.joined(policy.protected)  # nobody inherits less protection
    return inherited.model_copy(update=merged)


def resolve_policy(policy: PolicySpec) -> ResolvedPolicy:
    """The policy as the judge reads it."""
    gates = policy.gates.severity if policy.gates else (Severity.CRITICAL, Severity.HIGH)
    waivers = tuple(
        Waiver(
            id=one.id, owner=one.owner, reason=one.reason, approved_by=one.approved_by, expires=one.expires.isoformat()
        )
        for one in policy.waivers
    )
    return ResolvedPolicy(
        name=policy.policy,
        gates=gates,
        areas={area.value: weight for area, weight in policy.areas.items()},
        accept_unsupported=dict(policy.accept_unsupported),
        waivers=waivers,
        require=policy.require,
        max_age_s=policy.max_age,
        require_recent=dict(policy.require_recent),
        limits={name: (one.matcher, str(getattr(one, one.matcher))) for name, one in policy.limits.items()},
    )


def matching(patterns: Sequence[str], identifiers: Sequence[str], what: str) -> list[str]:
    """The ids that a list of patterns names, in the order of the patterns. A pattern that names nothing is an error."""
    chosen: dict[str, None] = {}
    for pattern in patterns:
        hits = [one for one in identifiers if fnmatchcase(one, pattern) or one == pattern]
        if not hits:
            raise UsageError(f"{what} {pattern!r} names no verification; `gonogo list` shows all")
        chosen.update(dict.fromkeys(sorted(hits)))
    return list(chosen)
