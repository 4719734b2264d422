"""What secrets look like in source files. A find is named by file, line and kind; its value is never kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gonogo.stacks.sources import SourceFile

KINDS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    "model provider key": re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]+:(?P<value>[^\s@'\"]{3,})@"),
    "password in the code": re.compile(
        r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)\w*\s*[:=]\s*['\"](?P<value>(?=[^'\"]*\d)(?=[^'\"]*[a-z])[^\s'\"]{12,})['\"]"
    ),
}
# What people write where a reader shall put his own.
PLACEHOLDER = re.compile(
    r"(?i)change|example|placeholder|dummy|your|xxx|\*\*\*|\.\.\.|^<.*>$|[${}%]|^(?:secret|password|pass|pw|test)\d*$"
)


def secrets_in(file: SourceFile, allowed: re.Pattern[str] | None) -> Iterator[str]:
    """`path:line (kind)` of everything in a file that looks like a secret and is neither a placeholder nor allowed."""
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(file.text):
            value = match.groupdict().get("value") or match[0]
            if PLACEHOLDER.search(value) or (allowed is not None and allowed.search(value)):
                continue
            yield f"{file.path}:{file.line_of(match.start())} ({kind})"
