"""The log's lines do not say which request they belong to."""


def apply() -> None:
    """Write every line as if there were no request."""
    import logging

    from reference_rag import logs

    original = logs.JsonFormatter.format

    def render(self: logs.JsonFormatter, record: logging.LogRecord) -> str:
        token = logs.request_id.set("")
        try:
            return original(self, record)
        finally:
            logs.request_id.reset(token)

    logs.JsonFormatter.format = render  # type: ignore[method-assign]  # the defect
