"""The search route forgot to authenticate: without a key it answers as a default tenant."""


def apply() -> None:
    """Give requests for this one route the first key when they bring none."""
    import os

    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware
    from reference_rag.settings import load_settings

    original = middleware.RequestContext.__call__
    key = load_settings(os.environ).api_keys[0].key.get_secret_value()

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/search" and "x-api-key" not in Headers(scope=scope):
            scope["headers"] = [*scope["headers"], (b"x-api-key", key.encode())]
        await original(self, scope, receive, send)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect
