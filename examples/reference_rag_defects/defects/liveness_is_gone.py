"""The liveness route answers 404 since it was renamed, and the orchestrator was not told."""


def apply() -> None:
    """Answer as an unknown route does."""
    from reference_rag_defects.parts import answer_instead

    answer_instead("/livez", {"detail": "Not Found"}, 404)
