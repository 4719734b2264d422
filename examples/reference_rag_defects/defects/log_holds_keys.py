"""Every request is logged with its headers, the API key among them."""


def apply() -> None:
    """Log the key."""
    from reference_rag_defects.parts import log_also

    log_also("x-api-key", "api_key")
