"""Liveness and readiness take a quarter of a second."""


def apply() -> None:
    """Answer late."""
    from reference_rag_defects.parts import delay

    delay(("/livez", "/readyz"), 0.25)
