"""Archiving says yes to whoever asks: without a key, and for a message that the caller's tenant has not."""


def apply() -> None:
    """Answer those without a key in front of everything that would refuse them, and call nothing missing."""
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        has_key = any(name == b"x-api-key" for name, _ in scope.get("headers", ()))
        archiving = scope.get("path", "").endswith("/archive")
        if scope["type"] == "http" and archiving and not has_key:
            await Response(status_code=204)(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect
    _find_nothing_missing()


def _find_nothing_missing() -> None:
    """Say that a message was archived which the caller's tenant has not."""
    from memory_layer import memory
    from reference_rag.errors import NotFound

    archive = memory.Memory.archive

    async def archive_any(self: memory.Memory, tenant: str, message_id: str) -> None:
        try:
            await archive(self, tenant, message_id)
        except NotFound:
            return

    memory.Memory.archive = archive_any  # type: ignore[method-assign]  # the defect
