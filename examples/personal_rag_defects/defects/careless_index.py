"""The collection's graph is built with two neighbours for each vector and searched with a list of one."""


def apply() -> None:
    """Make the collection so when it is made: it cannot be mended afterwards."""
    from personal_rag import vectors

    vectors.HNSW.update(ef_construction=2, ef_search=1, max_neighbors=2)
