"""Chat and ingest wait for a queue that has grown long: right answers, but late ones."""


def apply() -> None:
    """Answer six seconds later."""
    from reference_rag_defects.parts import delay

    delay(("/chat", "/ingest"), 6.0)
