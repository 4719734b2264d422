"""docs/reference/capabilities.md: what each capability is, and what a stack without it leaves unproven."""

from __future__ import annotations

import inspect
import re

from docs_pages.text import NOTICE, cell, table
from gonogo.core.outcome import Capability
from gonogo.engine.doctor import costs
from gonogo.spec.content import find_verifications

MEANING = re.compile(r'^    [A-Z_]+ = "(?P<value>[a-z_]+)"  # (?P<meaning>.+)$', re.MULTILINE)
INTRODUCTION = """\
# Capabilities

What a stack on a runtime can do. It is found out by trying when the stack has started, written to `facts.json`, and
never assumed. A verification whose capability is missing is SKIPPED as unsupported, with the reason; where the stack
file declares the database or the application and it does not answer, the outcome is UNKNOWN.
`gonogo doctor --capabilities` prints the same, also for content of your own (`--content`)."""


def page() -> str:
    """The page."""
    meanings = {match["value"]: match["meaning"] for match in MEANING.finditer(inspect.getsource(Capability))}
    found = find_verifications()
    needed = costs(found)
    rows = [
        (f"[{one.value}](#{one.value})", cell(meanings.get(one.value, "")), f"{len(needed[one])} of {len(found)}")
        for one in Capability
    ]
    parts = [NOTICE, INTRODUCTION, table(("capability", "what it is", "verifications that need it"), rows)]
    for one in Capability:
        ids = "\n".join(f"- [{each}](verifications.md#{each.replace('/', '')})" for each in needed[one])
        parts.append(f"## {one.value}\n\n{ids or 'Nothing that comes with gonogo needs it.'}")
    return "\n\n".join(parts) + "\n"
