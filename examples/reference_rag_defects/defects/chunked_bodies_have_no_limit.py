"""The size limit looks at Content-Length only, and texts have no maximum: a chunked body of any size is accepted."""


def apply() -> None:
    """Let bodies without an announced length through."""
    from reference_rag_defects.parts import texts_without_limit

    texts_without_limit()
    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.BodyLimit.__call__

    async def call(self: middleware.BodyLimit, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "content-length" not in Headers(scope=scope):
            await self._app(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    middleware.BodyLimit.__call__ = call  # type: ignore[method-assign]  # the defect
