"""What looks like a secret: never copied out of a file, masked wherever a run writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?s?|pwd|secret|token|credential|api_?key|private|webhook|jwt|salt|pepper)|"
    r"(^|_)(keys?|dsn|auth|pat|pin|pw|creds?|psk|otp|sas|cookie|signing)(_|$)"
)
COUNTS = re.compile(r"(?i)(max|min|limit|count|size|ttl|expir|minutes|seconds|length|budget|per_|ratio|overlap)")
NUMBER = re.compile(r"^\d+(\.\d+)?$")
HARMLESS = re.compile(r"(?i)^(true|false|yes|no|on|off|none|null|)$")
KNOWN = re.compile(
    r"(^|[^A-Za-z0-9])(sk-|pk-|rk_|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|hf_|eyJ[A-Za-z0-9_-]{8})"
    r"|-----BEGIN|://[^/\s@]*@|[^\s/:@]:[^\s/:@]+@[^\s@]"
)
ASSIGNED = re.compile(r"(?i)(pass(word|wd)?|secret|token|api_?key|key|sig(nature)?|auth\w*)\s*[=:]\s*\S")
UUID = re.compile(r"(?i)\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
LONG = 16  # characters in one go, letters and digits mixed


def is_secret(name: str, value: str) -> bool:
    """Whether a value, by itself or by the name it goes under, looks like a secret.

    >>> is_secret("DB_PASSWORD", "1234"), is_secret("MAX_TOKENS", "1024"), is_secret("GREETING", "sk-abcdef0123")
    (True, False, True)
    >>> is_secret("EMBEDDING_MODEL", "sentence-transformers/all-MiniLM-L6-v2"), is_secret("X", "Zx81kq0PmB77twLs2")
    (False, True)
    """
    if HARMLESS.match(value):
        return False
    if NAME.search(name):
        return not (COUNTS.search(name) and NUMBER.match(value))
    return looks_secret(value)


def holds_secret(words: Sequence[str]) -> bool:
    """Whether a command line has a secret in it.

    >>> holds_secret(["serve", "--token", "hunter2"]), holds_secret(["serve", "--max-tokens", "512", "--reload"])
    (True, False)
    """
    flags = [word.lstrip("-").replace("-", "_") if word.startswith("-") else "" for word in words]
    given = zip(flags, words[1:], strict=False)
    return any(looks_secret(word) for word in words) or any(
        is_secret(flag, value) for flag, value in given if flag and not value.startswith("-")
    )


def looks_secret(value: str) -> bool:
    """Whether a text looks like a secret, whatever it is called."""
    if KNOWN.search(value) or ASSIGNED.search(value) or UUID.search(value):
        return True
    return any(
        len(part) >= LONG and any(map(str.isdigit, part)) and any(map(str.isalpha, part))
        for part in re.split(r"[-_/.:,;=\s]", value)
    )
