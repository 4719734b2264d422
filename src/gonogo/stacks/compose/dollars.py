"""Dollars in a Compose file: each is written twice, since Compose fills in ${…} whenever it reads one."""

from __future__ import annotations


def doubled(text: str) -> str:
    """A text as it must stand in a Compose file.

    >>> doubled("pa$$word"), doubled("plain")
    ('pa$$$$word', 'plain')
    """
    return text.replace("$", "$$")


def plain(text: object) -> str:
    """What a text of a resolved project means.

    >>> plain(doubled("pa$$word"))
    'pa$$word'
    """
    return str(text).replace("$$", "$")
