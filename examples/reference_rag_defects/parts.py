"""What several defects share."""


def texts_without_limit() -> None:
    """Give the bodies of requests no maximum lengths. Must run before the routes are imported: they keep the models."""
    from typing import Annotated

    from pydantic import Field

    from reference_rag import schemas

    class DocumentIn(schemas.DocumentIn):
        text: Annotated[str, Field(min_length=1)]

    class SearchIn(schemas.SearchIn):
        query: Annotated[str, Field(min_length=1)]

    schemas.DocumentIn = DocumentIn  # type: ignore[misc]  # the defect
    schemas.SearchIn = SearchIn  # type: ignore[misc]  # the defect


def answer_instead(path: str, content: dict[str, object], status: int = 200) -> None:
    """Answer one path with the same JSON for ever, in front of everything else."""
    from starlette.responses import JSONResponse
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == path:
            await JSONResponse(content, status)(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect


def delay(paths: tuple[str, ...], seconds: float) -> None:
    """Answer some paths later, without keeping the processor busy."""
    import asyncio

    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in paths:
            await asyncio.sleep(seconds)
        await original(self, scope, receive, send)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect


def log_also(header: str, name: str) -> None:
    """Log a header of every request as a field."""
    from starlette.datastructures import Headers
    from starlette.types import Scope

    from reference_rag import logs, middleware

    original = middleware.RequestContext._finish

    def finish(self: middleware.RequestContext, scope: Scope, status: int, seconds: float) -> None:
        logs.log.info("headers", extra={"fields": {name: Headers(scope=scope).get(header, "")}})
        original(self, scope, status, seconds)

    middleware.RequestContext._finish = finish  # type: ignore[method-assign]  # the defect


def allow_every_origin() -> None:
    """Answer preflights of any web page with its own origin, and let it send credentials."""
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from reference_rag import middleware

    original = middleware.RequestContext.__call__

    async def call(self: middleware.RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        allowed = {"Access-Control-Allow-Origin": origin or "", "Access-Control-Allow-Credentials": "true"}

        async def send_allowing(message: Message) -> None:
            if message["type"] == "http.response.start" and origin:
                MutableHeaders(scope=message).update(allowed)
            await send(message)

        if origin and scope["method"] == "OPTIONS":
            await Response(status_code=200, headers=allowed)(scope, receive, send)
        else:
            await original(self, scope, receive, send_allowing)

    middleware.RequestContext.__call__ = call  # type: ignore[method-assign]  # the defect


def block_at_every_search(seconds: float) -> None:
    """Hold up the event loop, as a synchronous client in an async function does."""
    import time

    from reference_rag import rag, store

    original = rag.Rag.search

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        time.sleep(seconds)  # noqa: ASYNC251  # the defect
        return await original(self, tenant, query, k)

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect


def repeat_the_first_answer() -> None:
    """Answer a search that was asked before from memory, for ever."""
    from reference_rag import rag, store

    original = rag.Rag.search
    known: dict[tuple[str, str, int], list[store.Hit]] = {}

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        if (tenant, query, k) not in known:
            known[tenant, query, k] = await original(self, tenant, query, k)
        return known[tenant, query, k]

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
