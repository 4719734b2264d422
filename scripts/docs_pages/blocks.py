"""Blocks between `<!-- generated: NAME -->` and `<!-- end -->` in pages that people write."""

from __future__ import annotations

from collections.abc import Callable

from docs_pages.commands import all_commands
from docs_pages.extensions import shipped
from docs_pages.text import cell, table
from gonogo.core.outcome import Area, Kind, Severity
from gonogo.spec.content import find_verifications
from gonogo.stacks.runtimes import RUNTIMES

ABOUT = {
    Area.BACKUP: "restored, complete, answering, in time; what the declared schedule exposes",
    Area.ISOLATION: "no tenant reaches another one's rows, through SQL or the API",
    Area.VECTOR_INDEX: "used, valid, sound vectors, recall against exact search",
    Area.CAPACITY: "memory for the index, wraparound, autovacuum, size of a passage",
    Area.CONNECTIONS: "pools fit the server, timeouts bound every session",
    Area.API: "known answers, keys, limits, clear errors",
    Area.OBSERVABILITY: "metrics that move, logs without secrets, honest readiness",
    Area.RESILIENCE: "failover, exhausted pool, a model that is down or slow",
    Area.LOAD: "latency from the intended start, errors, recall under load",
    Area.SECURITY: "least privilege, passwords, secrets in the source, the container's user",
    Area.REPLICATION: "standbys stream, confirm, and hold the same rows",
    Area.DELIVERY: "migrations, documented settings, bounded dependencies",
}
SHORT = {Kind.CHECK: "checks", Kind.LOAD: "load", Kind.DRILL: "drills", Kind.CHAOS: "chaos"}


def counts() -> str:
    """How many verifications, defects and expectations there are, in a sentence."""
    found = list(find_verifications().values())
    kinds = {kind: sum(one.kind is kind for one in found) for kind in SHORT}
    expectations = sum(len(one.spec.expectations()) for one in found)
    defects = sum(len(one.spec.defect) for one in found)
    nouns = {Kind.CHECK: "check", Kind.LOAD: "load profile", Kind.DRILL: "restore drill", Kind.CHAOS: "chaos scenario"}
    listed = ", ".join(_number(kinds[kind], noun) for kind, noun in nouns.items())
    return (
        f"{len(found)} verifications ({listed}) with {_number(expectations, 'expectation')},"
        f" and {_number(defects, 'seeded defect')} that turn every one of them red."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def areas() -> str:
    """Verifications by area and kind."""
    found = list(find_verifications().values())
    rows = []
    for area in Area:
        own = [one for one in found if one.area is area]
        numbers = [str(sum(one.kind is kind for one in own) or "") for kind in SHORT]
        critical = sum(one.spec.severity is Severity.CRITICAL for one in own)
        rows.append((area.value, *numbers, str(critical or ""), ABOUT[area]))
    return table(("area", *SHORT.values(), "of them critical", "what it is about"), rows)


def commands() -> str:
    """Every command with the first sentence of its help."""
    rows = [(f"`gonogo {name}`", cell((one.help or "").partition("\n\n")[0])) for name, one in all_commands().items()]
    return table(("command", "what it does"), rows)


def runtimes() -> str:
    """The runtimes that there are."""
    return "\n".join(f"- `{name}`: {(module.__doc__ or '').splitlines()[0]}" for name, module, _ in shipped(RUNTIMES))


BLOCKS: dict[str, Callable[[], str]] = {
    "counts": counts,
    "areas": areas,
    "commands": commands,
    "runtimes": runtimes,
}
