"""Liveness and readiness take 150 ms and more."""


def apply() -> None:
    """Answer late."""
    from reference_rag_defects.parts import delay

    delay(("/livez", "/readyz"), 0.15)
