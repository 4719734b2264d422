"""Readiness runs an expensive query and takes more than a second."""


def apply() -> None:
    """Answer late."""
    from reference_rag_defects.parts import delay

    delay(("/readyz",), 1.2)
