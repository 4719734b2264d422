"""Search answers 200 with the least similar passages first, as after a change of the operator or the sort order."""


def apply() -> None:
    """Sort by similarity instead of distance."""
    from reference_rag import store

    store._SEARCH = store._SEARCH.replace("LIMIT %(k)s", "DESC LIMIT %(k)s")
