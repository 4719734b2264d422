"""Embedding a query calls a remote service without awaiting it: one search is quick, many queue behind each other."""


def apply() -> None:
    """Block the event loop for 120 ms at every search."""
    from reference_rag_defects.parts import block_at_every_search

    block_at_every_search(0.12)
