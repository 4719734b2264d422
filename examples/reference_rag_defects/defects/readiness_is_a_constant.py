"""Readiness always says "ready", without having looked at anything."""


def apply() -> None:
    """Answer a constant."""
    from reference_rag_defects.parts import answer_instead

    answer_instead("/readyz", {"status": "ready"})
