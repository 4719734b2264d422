"""Every search takes almost half a second longer than it should, waiting for a service that is not needed."""


def apply() -> None:
    """Wait, without keeping the processor busy."""
    from reference_rag_defects.parts import delay

    delay(("/search",), 0.4)
