"""Cutting a text into passages."""

import re

MAX_CHARACTERS = 1000
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n{2,}")


def chunks_of(text: str) -> list[str]:
    """Whole sentences, packed up to MAX_CHARACTERS; a longer sentence is cut.

    >>> chunks_of("One. Two.")
    ['One. Two.']
    >>> [len(chunk) for chunk in chunks_of("x" * 2500)]
    [1000, 1000, 500]
    """
    chunks: list[str] = []
    current = ""
    for sentence in _SENTENCE_END.split(text.strip()):
        if current and len(current) + 1 + len(sentence) > MAX_CHARACTERS:
            chunks.append(current)
            current = ""
        current = f"{current} {sentence}" if current else sentence
        while len(current) > MAX_CHARACTERS:
            chunks.append(current[:MAX_CHARACTERS])
            current = current[MAX_CHARACTERS:]
    return [*chunks, current] if current else chunks
