"""Health and liveness wait for something that has nothing to do with either."""


def apply() -> None:
    """Answer late."""
    from reference_rag_defects.parts import delay

    delay(("/health", "/livez"), 0.3)
