"""What somebody may have meant who named something that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word, or nothing.

    >>> did_you_mean("serch", ["chat", "search"]), did_you_mean("xyz", ["chat", "search"])
    ("; did you mean 'search'?", '')
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
