"""The id that a client sent is replaced by a new one, so that its trace ends at the service's door."""


def apply() -> None:
    """Find no id of a client usable."""
    import re

    from reference_rag import middleware

    middleware._USABLE_ID = re.compile(r"(?!)")
