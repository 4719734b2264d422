"""The plan: what runs, in what order, for how long; what is skipped, and why. Made before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gonogo.core.errors import Problem, SpecError, UsageError
from gonogo.core.facts import Facts
from gonogo.core.finding import Expectation, Source
from gonogo.core.outcome import Capability, Effect, Kind, SkipReason
from gonogo.core.plan import Plan, PlanItem
from gonogo.core.quantity import format_seconds
from gonogo.core.registry import Registry
from gonogo.drills import METHODS, Standing
from gonogo.drills._choice import registry_of
from gonogo.engine.accepted import Accepted
from gonogo.engine.asking import not_declared
from gonogo.engine.inputs import Inputs, matching, resolve_policy
from gonogo.faults import FAULTS
from gonogo.probes import PROBES
from gonogo.spec.content import Verification, find_locustfile
from gonogo.spec.references import lookup_in, substitute
from gonogo.spec.stack import ServiceSpec, StackSpec

ORDER = (Kind.CHECK, Kind.LOAD, Kind.DRILL, Kind.CHAOS)  # the most disruptive last
PREDICTED_S = {Kind.CHECK: 1.5, Kind.DRILL: 15.0, Kind.CHAOS: 15.0}
TIME_LIMIT_S = {Kind.CHECK: 60.0, Kind.LOAD: 120.0, Kind.DRILL: 600.0, Kind.CHAOS: 180.0}
# How often all the data are read or copied at most. A vector index is built at a tenth of the speed of a copy or less.
TIMES_COPIED = {Kind.CHECK: 1, Kind.LOAD: 1, Kind.DRILL: 20, Kind.CHAOS: 3}
LOAD_OVERHEAD_S = 5.0
QUIET = "quiet_host"  # a load runs alone, also one that only reads: it would measure others, and they it
LACKS = {  # the facts that `applies_when` may name, as people say it when one is not there
    "standbys": "standbys",
    "synchronous_standbys": "synchronous standby",
    "tenants": "second tenant and no tenant column",
    "vectors": "vector column",
    "vector_store": "vector store beside the database",
    "redis_snapshots": "Redis that keeps snapshots (settings: {save: …}, or backups: {redis: …})",
    "redis_log": "Redis that keeps a log (settings: {appendonly: yes})",
    "limited_disk": "disk of a limited size for the database",
    "corpus": "corpus of questions with known answers",
    "backups": "backups",
    "downgrade": "command that takes a migration back",
    "embeddings": "embedding service (a service called embeddings)",
    "indexes": "indexes that a table must have",
    "archive": "request that archives a document",
    "retention": "retention of data",
    "replication_status": "request for the status of replication",
}
TOLD_BY_THE_DATABASE = ("vectors", "tenants", "standbys", "synchronous_standbys")  # see `contradicting`
VECTOR_STORES = ("chroma",)  # kinds of service
CACHES = ("redis",)
Placed = tuple[Any, tuple[str | int, ...]]  # something written in a file, and where


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is known of the stack when the plan is made; `facts` is None when no stack was started."""

    capabilities: frozenset[Capability] | None = None  # None: unknown, everything is planned
    missing: Mapping[str, str] | None = None
    facts: Facts | None = None
    failure: str | None = None  # why the stack did not start
    accepted: Accepted | None = None  # what extensions said in an earlier plan: they are not asked again


def make_plan(inputs: Inputs, world: World) -> Plan:
    """The plan of a run. Raises SpecError for wrong parameters of extensions, UsageError when nothing is left."""
    selected = select(inputs)
    problems: list[Problem] = []
    items = []
    for identifier, skip in selected.items():
        try:
            items.append(_item(inputs, world, inputs.verifications[identifier], skip))
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    items.sort(key=lambda item: (ORDER.index(item.kind), item.effects is not Effect.READ, _turn(inputs, item)))
    plan = Plan(items=tuple(items))
    if not any(item.skip in {None, SkipReason.UNSUPPORTED} for item in plan.items):
        raise UsageError("nothing is selected: every verification is skipped or deselected")
    return _within_duration(plan, inputs.options.max_duration_s)


def _turn(inputs: Inputs, item: PlanItem) -> int:
    """Of drills that are compared: what stands by is promoted at the disaster itself, and nobody writes in between."""
    if not inputs.options.compare_strategies or item.kind is not Kind.DRILL:
        return 0
    method = inputs.verifications[item.id].spec.method
    if method not in METHODS.names():
        return 2
    return 0 if isinstance(METHODS.load(method), Standing) else 1


def select(inputs: Inputs) -> dict[str, SkipReason | None]:
    """What is in the plan, and why not where it does not run.

    `--only` may name any verification. What `--skip` names is dropped, and what else the suite holds is deselected:
    neither is forgotten.
    """
    identifiers = list(inputs.verifications)
    options = inputs.options
    suite = matching(inputs.suite.run, identifiers, f"suite {inputs.suite.suite}:")
    without = set(matching(inputs.suite.skip, identifiers, "skip of the suite")) if inputs.suite.skip else set()
    asked = (
        matching(options.only, identifiers, "--only") if options.only else [one for one in suite if one not in without]
    )
    chosen = [one for one in asked if _wanted(inputs, one)]
    dropped = set(matching(options.skip, identifiers, "--skip")) if options.skip else set()
    running = {one: SkipReason.DROPPED if one in dropped else None for one in chosen}
    return {**running, **{one: SkipReason.DESELECTED for one in suite if one not in running}}


def _wanted(inputs: Inputs, identifier: str) -> bool:
    return not inputs.options.kinds or inputs.verifications[identifier].kind in inputs.options.kinds


def _item(inputs: Inputs, world: World, verification: Verification, skip: SkipReason | None) -> PlanItem:
    spec = verification.spec
    needs = needed_capabilities(verification, world.accepted)
    policy = resolve_policy(inputs.policy)
    skip, unreachable, reason = _decide(inputs.stack.spec, world, verification, needs, skip)
    return PlanItem(
        id=verification.id,
        kind=verification.kind,
        title=spec.title,
        area=verification.area,
        severity=spec.severity,
        gating=spec.severity in policy.gates or verification.id in policy.require,
        source=Source(file=verification.source, line=verification.loaded.document.mark(("title",)).line),
        effects=spec.effects,
        expectations=_claimed(resolved_expectations(verification, inputs.objectives), inputs.claimed),
        covers=spec.covers,
        why=spec.why,
        remedy=spec.remedy,
        uses=spec.uses if verification.kind is not Kind.LOAD else tuple(dict.fromkeys((*spec.uses, QUIET))),
        needs=tuple(sorted(needs)),
        predicted_s=_predicted(inputs, verification),
        time_limit_s=spec.time_limit or _time_limit(inputs, verification, world.facts),
        skip=skip,
        unreachable=unreachable,
        reason=reason,
    )


def _claimed(found: tuple[Expectation, ...], claims: Mapping[str, object]) -> tuple[Expectation, ...]:
    """Expectations with what the stack itself promises: another policy can then be judged by."""
    return tuple(replace(one, claimed=str(claims.get(one.objective, ""))) if one.objective else one for one in found)


def resolved_expectations(verification: Verification, objectives: Mapping[str, str]) -> tuple[Expectation, ...]:
    """Expectations in base units, objectives filled in. Raises SpecError naming the line."""
    lookup = lookup_in({f"objectives.{name}": value for name, value in objectives.items()})
    document = verification.loaded.document
    problems, resolved = [], []
    for name, expectation in verification.spec.expectations().items():
        try:
            resolved.append(expectation.resolved(name, lambda text: substitute(text, lookup)))
        except (UsageError, ValueError) as error:
            problems.append(document.problem(("expect", name), f"expect.{name}: {error}"))
    if problems:
        raise SpecError(problems)
    return tuple(resolved)


def needed_capabilities(verification: Verification, accepted: Accepted | None = None) -> frozenset[Capability]:
    """What an item cannot do without; validates the parameters of its probe, faults or method on the way."""
    document, spec = verification.loaded.document, verification.spec
    try:
        own = frozenset(Capability(name) for name in spec.needs)
    except ValueError as error:
        allowed = ", ".join(capability.value for capability in Capability)
        raise SpecError([document.problem(("needs",), f"needs: {error}; allowed: {allowed}")]) from None
    return own | _by_kind(verification, accepted) | _by_effect(spec.effects)


def _by_effect(effect: Effect) -> frozenset[Capability]:
    return frozenset() if effect is Effect.READ else frozenset({Capability.WRITE})


def _by_kind(verification: Verification, accepted: Accepted | None) -> frozenset[Capability]:
    spec = verification.spec
    match verification.kind:
        case Kind.CHECK:
            return _needs_of(verification, PROBES, (spec.probe, ("probe",)), (spec.with_, ("with",)), accepted)
        case Kind.DRILL:
            return _of_drill(verification, accepted)
        case Kind.CHAOS:
            needs = frozenset[Capability]()
            for index, fault in enumerate(spec.faults):
                for name, parameters in fault.items():
                    place = ("faults", index, name)
                    needs |= _needs_of(verification, FAULTS, (name, place), (parameters, place), accepted)
            return needs
        case _:
            try:
                find_locustfile(spec.users, verification.loaded.path)
            except UsageError as error:
                raise SpecError([verification.loaded.document.problem(("users",), str(error))]) from None
            return frozenset({Capability.LOAD, Capability.APPLICATION})


def _of_drill(verification: Verification, accepted: Accepted | None) -> frozenset[Capability]:
    """Drills of the database restore into a scratch server; those of other stores say themselves what they need."""
    spec = verification.spec
    try:
        registry = registry_of(spec.method)
    except UsageError as error:
        raise SpecError([verification.loaded.document.problem(("method",), str(error))]) from None
    needs = _needs_of(verification, registry, (spec.method, ("method",)), (spec.with_, ("with",)), accepted)
    return needs | {Capability.SCRATCH_POSTGRES} if registry is METHODS else needs


def _needs_of(
    verification: Verification, registry: Registry[Any], name: Placed, parameters: Placed, accepted: Accepted | None
) -> frozenset[Capability]:
    """What an extension needs; its parameters are validated where they stand in the file."""
    document = verification.loaded.document
    given = parameters[0] or {}
    if accepted is not None and (known := accepted.get("needs", registry, name[0], given)) is not None:
        return frozenset(map(Capability, known))
    try:
        extension = registry.load(name[0])
    except UsageError as error:
        raise SpecError([document.problem(name[1], str(error))]) from None
    document.validate(extension.parameters, data=given, at=parameters[1])
    needs: frozenset[Capability] = extension.needs
    if accepted is not None:
        accepted.add("needs", registry, name[0], given, sorted(needs))
    return needs


def _decide(
    stack: StackSpec,
    world: World,
    verification: Verification,
    needs: frozenset[Capability],
    skip: SkipReason | None,
) -> tuple[SkipReason | None, str | None, str]:
    """(skip, unreachable, reason) of an item."""
    if skip is not None:
        return skip, None, "left out by --skip" if skip is SkipReason.DROPPED else "not part of this run"
    condition = verification.spec.applies_when
    if condition is not None and not applies(stack, condition):
        missing = f"the stack file declares no {LACKS[condition]}"
        doubt = _doubt(stack, world.facts, condition) if world.facts else ""
        return (None, f"{missing}, {doubt}", "") if doubt else (SkipReason.NOT_APPLICABLE, None, missing)
    if world.failure is not None:
        return None, f"the stack did not start: {world.failure}", ""
    if too_much := _too_much_load(stack, world, verification):
        return SkipReason.UNSUPPORTED, None, too_much
    lacking = sorted(needs - world.capabilities) if world.capabilities is not None else []
    silent = [capability for capability in lacking if declared(stack, capability)]
    if silent:
        return None, "; ".join(dict.fromkeys(_why(world, one) for one in silent)), ""
    if lacking:
        return (
            SkipReason.UNSUPPORTED,
            None,
            "; ".join(dict.fromkeys(f"{one.value}: {_why(world, one)}" for one in lacking)),
        )
    if reason := not_declared(verification, stack.contract, world.accepted):
        return SkipReason.UNSUPPORTED, None, reason
    return None, None, ""


def _doubt(stack: StackSpec, facts: Facts, condition: str) -> str:
    """Why the stack file's silence about something proves nothing, "" where the database agrees with it."""
    if found := contradicting(facts, condition):
        return f"but the database has {', '.join(found)}"
    unread = condition in TOLD_BY_THE_DATABASE and declared(stack, Capability.SQL) and not facts.database_read
    return "and the database could not be read to see whether it has any" if unread else ""


def _too_much_load(stack: StackSpec, world: World, verification: Verification) -> str | None:
    """Why a profile may not run on a stack that is only read, else None: never at a lower rate than it claims."""
    attached = world.facts is not None and world.facts.runtime == "external"
    if verification.kind is not Kind.LOAD or not attached or Capability.WRITE in (world.capabilities or ()):
        return None
    rate = verification.spec.arrivals.rate
    if rate <= stack.gentle_load:
        return None
    return f"load: it sends {rate:g} requests a second, and what is only read gets {stack.gentle_load:g} (gentle_load)"


def _why(world: World, capability: Capability) -> str:
    return (world.missing or {}).get(capability.value, f"the runtime has no {capability.value}")


def declared(stack: StackSpec, capability: Capability) -> bool:
    """Whether the stack file names the service that should give a capability: then its silence is UNKNOWN."""
    if capability is Capability.SQL:
        return stack.data.service in stack.services
    if capability is Capability.APPLICATION:
        return stack.contract.service in stack.services
    return False


def contradicting(facts: Facts, condition: str) -> tuple[str, ...]:
    """What the database has of something that the stack file does not declare: leaving it out proves nothing."""
    synchronous = facts.settings.get("synchronous_standby_names", "")
    found = {
        "vectors": tuple(f"the vector column {name}" for name in facts.vector_columns),
        "tenants": tuple(f"row-level security on {name}" for name in facts.row_security),
        "standbys": tuple(f"the standby {name} connected" for name in facts.streaming),
        "synchronous_standbys": (f"synchronous_standby_names = {synchronous}",) if synchronous else (),
    }
    return found.get(condition, ())[:3]


def applies(stack: StackSpec, condition: str | None) -> bool:
    """Whether the stack declares the fact that a verification depends on. Raises UsageError for an unknown fact."""
    if condition is None:
        return True
    standbys = [one or {} for service in stack.services.values() for one in _standbys_of(service)]
    known = {
        "standbys": bool(standbys),
        "synchronous_standbys": any(one.get("synchronous") for one in standbys),
        # A tenant column says that there are tenants, also where the contract names too few to tell them apart.
        "tenants": len(stack.contract.tenants) > 1 or any(table.tenant for table in stack.data.tables.values()),
        "vectors": any(table.vector for table in stack.data.tables.values()),
        "vector_store": any(one.kind in VECTOR_STORES for one in stack.services.values())
        or bool(stack.data.collections),
        # Of one that gonogo does not start itself nobody knows what it keeps; that it is backed up says enough.
        "redis_snapshots": any(one.get("save") or "redis" in stack.backups for one in _redis_of(stack)),
        "redis_log": any(one.get("appendonly") == "yes" for one in _redis_of(stack)),
        "limited_disk": bool(_keys_of(stack, stack.data.service).get("disk")),
        "corpus": stack.corpus is not None,
        "backups": bool(stack.backups),
        "downgrade": any((service.model_extra or {}).get("downgrade") for service in stack.services.values()),
        "embeddings": "embeddings" in stack.services,
        "indexes": any(table.indexes for table in stack.data.tables.values()),
        "archive": stack.contract.archive is not None,
        "retention": stack.data.retention is not None,
        "replication_status": stack.contract.replication is not None,
    }
    if condition not in known:
        raise UsageError(f"applies_when: unknown fact {condition!r} (known: {', '.join(sorted(known))})")
    return known[condition]


def _keys_of(stack: StackSpec, service: str) -> Mapping[str, Any]:
    """The keys of a service beside its kind; none of one that there is not."""
    found = stack.services.get(service)
    return (found.model_extra or {}) if found else {}


def _redis_of(stack: StackSpec) -> Iterator[Mapping[str, str]]:
    """What each Redis is told of keeping its data."""
    for service in stack.services.values():
        if service.kind in CACHES:
            settings = (service.model_extra or {}).get("settings") or {}
            yield {str(key).lower(): _yes(value) for key, value in settings.items()}


def _yes(value: Any) -> str:
    return {"True": "yes", "on": "yes"}.get(str(value), str(value))


def _standbys_of(service: ServiceSpec) -> list[Any]:
    declared = (service.model_extra or {}).get("standbys")
    return list(declared.values()) if isinstance(declared, dict) else []


def _predicted(inputs: Inputs, verification: Verification) -> float:
    spec = verification.spec
    if verification.kind is Kind.LOAD:
        duration: float = inputs.suite.durations.get(verification.id, spec.duration)
        return duration + float(spec.warm_up) + LOAD_OVERHEAD_S
    return PREDICTED_S[verification.kind]


def _time_limit(inputs: Inputs, verification: Verification, facts: Facts | None) -> float:
    kind = verification.kind
    running = _predicted(inputs, verification) if kind is Kind.LOAD else 0.0
    return TIME_LIMIT_S[kind] + running + TIMES_COPIED[kind] * (facts.copying_seconds if facts else 0.0)


def _within_duration(plan: Plan, max_duration_s: float | None) -> Plan:
    """Drop items from the end until the prediction fits; what is dropped holds the verdict."""
    if max_duration_s is None:
        return plan
    items = list(plan.items)
    for index in range(len(items) - 1, -1, -1):
        if Plan(items=tuple(items)).predicted_s <= max_duration_s:
            break
        if items[index].runs:
            reason = f"left out by --max-duration {format_seconds(max_duration_s)}"
            items[index] = replace(items[index], skip=SkipReason.DROPPED, reason=reason)
    return Plan(items=tuple(items))
