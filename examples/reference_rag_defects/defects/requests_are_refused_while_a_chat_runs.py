"""The service counts a waiting chat as overload and refuses everything else with 503 meanwhile."""


def apply() -> None:
    """Refuse while a chat is under way."""
    from starlette.responses import JSONResponse
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__
    chats: list[str] = []

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if chats and path != "/chat":
            await JSONResponse({"error": "overloaded"}, 503)(scope, receive, send)
            return
        if path == "/chat":
            chats.append(path)
        try:
            await original(self, scope, receive, send)
        finally:
            if path == "/chat":
                chats.remove(path)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect
