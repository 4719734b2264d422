"""docs/reference/verifications.md: every verification as its YAML says it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from docs_pages.text import NOTICE, cell, code, table
from gonogo.core.outcome import Area, Kind
from gonogo.engine.plan import needed_capabilities
from gonogo.spec.content import Verification, find_verifications
from gonogo.spec.expectation import ExpectationSpec

KINDS = {
    Kind.CHECK: "Checks",
    Kind.LOAD: "Load profiles",
    Kind.DRILL: "Restore drills",
    Kind.CHAOS: "Chaos scenarios",
}
INTRODUCTION = """\
# Verifications

Everything that comes with gonogo: what each item expects, and which seeded defects turn it red. `gonogo explain ID`
shows one of them with its remedy; `gonogo list` takes patterns. What an item `needs` are
[capabilities](capabilities.md) of the stack."""


def page() -> str:
    """The page."""
    return "\n\n".join([NOTICE, INTRODUCTION, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    found = list(find_verifications().values())
    for kind, title in KINDS.items():
        own = [one for one in found if one.kind is kind]
        yield f"## {title}"
        yield table(("id", "severity", "title"), [_row(one) for one in own])
        if kind is not Kind.CHECK:
            yield from (_item(one) for one in own)
            continue
        order = list(Area)
        for area, group in groupby(sorted(own, key=lambda one: order.index(one.area)), key=lambda one: one.area):
            yield f"### Area {area.value}"
            yield from (_item(one) for one in group)


def _row(one: Verification) -> tuple[str, str, str]:
    return f"[{one.id}](#{one.id.replace('/', '')})", one.spec.severity.value, cell(one.spec.title)


def _item(one: Verification) -> str:
    spec = one.spec
    facts = {
        "severity": spec.severity.value,
        "covers": ", ".join(spec.covers),
        "applies when the stack has": spec.applies_when or "",
        "needs": ", ".join(sorted(needed_capabilities(one))),
        "effects": spec.effects.value,
        "uses alone": ", ".join(spec.uses),
        "how": _how(one.kind, spec),
        "source": f"[{one.source}](../../{one.source})",
    }
    lines = [f"#### {one.id}", f"**{spec.title}.** {' '.join(spec.why.split())}"]
    lines.append(" · ".join(f"{name}: {value}" for name, value in facts.items() if value))
    expectations = [(code(name), cell(expected(entry))) for name, entry in spec.expectations().items()]
    defects = [(code(defect.name), ", ".join(map(code, defect.fails))) for defect in spec.defect]
    lines.append(table(("expects", ""), expectations))
    lines.append(table(("seeded defect", "turns red"), defects))
    return "\n\n".join(lines)


def _how(kind: Kind, spec: Any) -> str:
    match kind:
        case Kind.CHECK:
            return f"probe `{spec.probe}`"
        case Kind.LOAD:
            return f"`{spec.users}` at {spec.arrivals.rate:g}/s ({spec.arrivals.spacing}) for {spec.duration:g} s"
        case Kind.CHAOS:
            return "faults " + ", ".join(f"`{name}`" for fault in spec.faults for name in fault)
        case _:
            return f"method `{spec.method}`"


def expected(entry: ExpectationSpec) -> str:
    """An expectation in words, as it was written."""
    written = getattr(entry, entry.matcher)
    if entry.matcher == "empty":
        text = "empty" if written else "not empty"
    else:
        values = written if isinstance(written, tuple) else (written,)
        shown = " … ".join(str(one).lower() if isinstance(one, bool) else f"`{one}`" for one in values)
        text = f"{entry.matcher.replace('_', ' ')} {shown}"
    return text + (f", from at least {entry.min_n} samples" if entry.min_n > 1 else "")
