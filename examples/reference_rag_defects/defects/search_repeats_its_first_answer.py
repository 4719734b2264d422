"""A search that was asked before is answered from a cache that no write ever clears."""


def apply() -> None:
    """Remember every answer for ever."""
    from reference_rag_defects.parts import repeat_the_first_answer

    repeat_the_first_answer()
