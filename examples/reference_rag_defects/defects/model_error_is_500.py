"""A model that cannot be reached is answered as an internal error, without a hint when to come back."""


def apply() -> None:
    """Change the error's status and drop its Retry-After."""
    from reference_rag import errors

    def init(self: errors.ModelUnavailable, message: str | None = None, *, retry_after: int | None = None) -> None:
        errors.ServiceError.__init__(self, message)

    errors.ModelUnavailable.status = 500
    errors.ModelUnavailable.__init__ = init  # type: ignore[method-assign,assignment]  # the defect
