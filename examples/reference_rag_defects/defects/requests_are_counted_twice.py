"""Two middlewares count every request, so that rates are twice the truth and error shares half of it."""


def apply() -> None:
    """Count once more."""
    from starlette.types import Scope

    from reference_rag import middleware

    original = middleware.RequestContext._finish

    def finish(self: middleware.RequestContext, scope: Scope, status: int, seconds: float) -> None:
        original(self, scope, status, seconds)
        self._metrics.requests.labels(middleware.route_of(scope), scope["method"], status).inc()

    middleware.RequestContext._finish = finish  # type: ignore[method-assign]  # the defect
