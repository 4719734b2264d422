"""Text of a YAML file with comments: values in flow style, comments that can hold nothing but a comment."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

import yaml

WIDTH = 118
PLAIN = re.compile(r"(--?)?[A-Za-z/$][^{}\[\],#]*|\.{1,2}(/[^{}\[\],#]*)?")  # never what some reader takes for a number


def comment(text: str, *, indent: int = 0, bullet: str = "") -> list[str]:
    """Comment lines; whatever the text holds, no line of it can become YAML.

    >>> comment("one\\nstack: two", indent=2)
    ['  # one stack: two']
    """
    start = " " * indent + "# " + bullet
    return textwrap.wrap(
        one_line(text), WIDTH, initial_indent=start, subsequent_indent=" " * indent + "# " + " " * len(bullet),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def pair(key: str, value: Any, *, indent: int = 0, remark: str = "") -> str:
    """`key: value  # remark` on one line."""
    behind = f"  # {one_line(remark)}" if remark else ""
    return f"{' ' * indent}{flow(key)}: {flow(value)}{behind}"


def flow(value: Any) -> str:
    """A value on one line.

    >>> flow({"k": "{k}", "on": "10", "n": [1, "a b"]})
    '{k: "{k}", "on": "10", n: [1, a b]}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else '"' + "".join(map(_escaped, value)) + '"'
    return json.dumps(value)


def one_line(text: str) -> str:
    """Text without line ends and control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _escaped(letter: str) -> str:
    """A letter inside double quotes, as YAML (not JSON) escapes it."""
    if letter in '"\\\n':
        return {"\n": "\\n"}.get(letter, f"\\{letter}")
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _is_plain(text: str) -> bool:
    """Whether a text means itself without quotes, in a flow too, for every reader of YAML."""
    if not PLAIN.fullmatch(text) or not text.isprintable() or ": " in text:
        return False
    try:
        return bool(yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(f"[{text}: 1]") == [{text: 1}])
    except yaml.YAMLError:
        return False
