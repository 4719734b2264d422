"""Rows and paragraphs: wrapped under themselves where a person reads, one line each where a program does."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

import click

GAP = "  "
LEAST = 24  # a last column narrower than this goes below its row
BELOW = 4  # columns by which it is indented there


def print_rows(rows: Sequence[Sequence[str]], *, indent: str = "") -> None:
    """Rows of equal length in columns; what is too long is carried on under its own column."""
    for line in laid_out(rows, columns_of_terminal(), indent=indent):
        click.echo(line)


def print_paragraph(text: str, *, indent: str = GAP, hanging: str = "") -> None:
    """Lines of text, each wrapped at the edge of the terminal; carried-on lines are `hanging` further in."""
    for line in text.splitlines() or [""]:
        for part in _wrapped(indent + line, columns_of_terminal(), indent + hanging):
            click.echo(part)


def columns_of_terminal() -> int | None:
    """How wide the terminal is; None where standard output is none, and lines must stay whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def laid_out(rows: Sequence[Sequence[str]], width: int | None, *, indent: str = "") -> Iterator[str]:
    """The lines of `rows`, none longer than `width` where its words allow that.

    >>> list(laid_out([("a/b", "high", "It is so"), ("c", "low", "And so on")], None))
    ['a/b  high  It is so', 'c    low   And so on']
    >>> list(laid_out([("a/b", "high", "It is said to be so and so")], 35))
    ['a/b  high  It is said to be so and', '           so']
    >>> list(laid_out([("a/b", "high", "It is said to be so")], 20))
    ['a/b  high', '    It is said to be', '    so']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        head = indent + "".join(cell.ljust(wide) + GAP for cell, wide in zip(cells, widths, strict=False))
        if width is None or len(head) + len(last) <= width:
            yield (head + last).rstrip()
        elif width - len(head) >= LEAST:
            yield from _wrapped(head + last, width, " " * len(head))
        else:
            yield head.rstrip()
            yield from _wrapped(indent + " " * BELOW + last, width, indent + " " * BELOW)


def _wrapped(line: str, width: int | None, hanging: str) -> list[str]:
    """One line as several; leading and inner spaces of the first are kept, words are not broken."""
    if width is None or len(line) <= width:
        return [line.rstrip()]
    return textwrap.wrap(
        line, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
