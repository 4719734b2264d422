"""A deleted document is gone from the documents but still found by search, from a cache that nobody told."""


def apply() -> None:
    """Remember every answer for ever."""
    from reference_rag_defects.parts import repeat_the_first_answer

    repeat_the_first_answer()
