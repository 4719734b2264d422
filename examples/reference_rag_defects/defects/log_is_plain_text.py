"""The log is written for eyes: one line of text a request, which no log store can search by field."""


def apply() -> None:
    """Use an ordinary formatter."""
    import logging

    from reference_rag import logs

    class TextFormatter(logging.Formatter):
        def __init__(self) -> None:
            super().__init__("%(asctime)s %(levelname)s %(message)s")

    logs.JsonFormatter = TextFormatter  # type: ignore[misc,assignment]  # the defect
