"""A refused client is not told when to come back."""


def apply() -> None:
    """Drop the time from the error."""
    from reference_rag import errors

    def init(self: errors.RateLimited, message: str | None = None, *, retry_after: int | None = None) -> None:
        errors.ServiceError.__init__(self, message)

    errors.RateLimited.__init__ = init  # type: ignore[method-assign,assignment]  # the defect
