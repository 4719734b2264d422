"""Requests are counted where they succeed; refused and failed ones are in no metric."""


def apply() -> None:
    """Count nothing that is an error."""
    from starlette.types import Scope

    from reference_rag import middleware

    original = middleware.RequestContext._finish

    def finish(self: middleware.RequestContext, scope: Scope, status: int, seconds: float) -> None:
        if status < 400:
            original(self, scope, status, seconds)

    middleware.RequestContext._finish = finish  # type: ignore[method-assign]  # the defect
