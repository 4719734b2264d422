"""The service collects bodies without limit and is killed for its memory by the first one that is too large."""


def apply() -> None:
    """End the process as the kernel's memory killer would."""
    import os
    import signal

    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.BodyLimit.__call__

    async def call(self: middleware.BodyLimit, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "0") if scope["type"] == "http" else "0"
        if int(length) > self._max_bytes:
            os.kill(os.getpid(), signal.SIGKILL)
        await original(self, scope, receive, send)

    middleware.BodyLimit.__call__ = call  # type: ignore[method-assign]  # the defect
