"""docs/reference/capabilities.md: what each capability is, and what a stack without it leaves unproven."""

from __future__ import annotations

import inspect
import re

from docs_pages.extensions import shipped
from docs_pages.text import NOTICE, cell, table
from gonogo.core.outcome import Capability
from gonogo.engine.capabilities import Given, Support, costs, expected
from gonogo.spec.content import find_verifications
from gonogo.stacks.runtimes import RUNTIMES

MEANING = re.compile(r'^    [A-Z_]+ = "(?P<value>[a-z_]+)"  # (?P<meaning>.+)$', re.MULTILINE)
INTRODUCTION = """\
# Capabilities

What a stack on a runtime can do. It is found out by trying when the stack has started, written to `facts.json`, and
never assumed. A verification whose capability is missing is SKIPPED as unsupported, with the reason; where the stack
file declares the database or the application and it does not answer, the outcome is UNKNOWN.
`gonogo doctor --capabilities` says what is to be expected on your machine, also for content of your own (`--content`),
and `gonogo doctor --stack F --capabilities` what your stack can do, by trying, and what each lack costs."""
BY_RUNTIME = """\
## By runtime

What to expect: ✓ gives it, "where …" gives it under that condition, ✗ never does. What the stack itself lacks (no
database, no application) costs what needs it, on every runtime."""


def page() -> str:
    """The page."""
    meanings = {match["value"]: match["meaning"] for match in MEANING.finditer(inspect.getsource(Capability))}
    found = find_verifications()
    needed = costs(found)
    rows = [
        (f"[{one.value}](#{one.value})", cell(meanings.get(one.value, "")), f"{len(needed[one])} of {len(found)}")
        for one in Capability
    ]
    names = [name for name, _, _ in shipped(RUNTIMES)]
    by_runtime = [
        (f"[{one.value}](#{one.value})", *(_support(expected(one, name)) for name in names), str(len(needed[one])))
        for one in Capability
    ]
    parts = [NOTICE, INTRODUCTION, table(("capability", "what it is", "verifications that need it"), rows)]
    parts += [BY_RUNTIME, table(("capability", *names, "verifications without it unproven"), by_runtime)]
    for one in Capability:
        ids = "\n".join(f"- [{each}](verifications.md#{each.replace('/', '')})" for each in needed[one])
        parts.append(f"## {one.value}\n\n{ids or 'Nothing that comes with gonogo needs it.'}")
    return "\n\n".join(parts) + "\n"


def _support(support: Support) -> str:
    signs = {Given.YES: "✓", Given.WHERE: "where", Given.NO: "✗"}
    return cell(f"{signs[support.given]} {support.note}".strip())
