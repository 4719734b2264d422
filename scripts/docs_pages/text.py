"""Markdown: cells, tables and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

NOTICE = "<!-- Written by scripts/generate-docs (`make docs`): edit the YAML, the models or the docstrings instead. -->"
ALIGNED = re.compile(r"\S {2,}\S|^ {2,}\S|→", re.MULTILINE)


def cell(text: object) -> str:
    """A text that may stand in a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text: object) -> str:
    """Code that may stand in a table, "" for nothing."""
    plain = cell(text)
    return f"`{plain}`" if plain and "`" not in plain else plain


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of finished cells."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prose(thing: Any) -> str:
    """A docstring as Markdown: what is laid out in columns stays as it is, the rest flows. Backticks are Markdown's."""
    text = inspect.cleandoc(thing if isinstance(thing, str) else (thing.__doc__ or ""))
    parts = []
    for paragraph in re.split(r"\n\s*\n", text):
        if ALIGNED.search(paragraph):
            parts.append(f"```text\n{inspect.cleandoc(paragraph)}\n```")
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)
