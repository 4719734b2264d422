"""Every tenth liveness answer is an error, although nothing is wrong."""


def apply() -> None:
    """Fail each tenth time."""
    from itertools import count

    from starlette.responses import JSONResponse
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__
    asked = count(1)

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/livez" and next(asked) % 10 == 0:
            await JSONResponse({"status": "unknown"}, 500)(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect
