"""Around every request: its id, its log line, its metrics, the limit of its body, and the errors nobody foresaw."""

import logging
import re
import time
import uuid
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import BodyTooLarge, ServiceError, error_body
from .logs import event, request_id
from .metrics import Metrics

_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """Gives the request an id (the client's, when usable), logs and counts it, and turns unforeseen errors into 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        identity = offered if _USABLE_ID.fullmatch(offered) else uuid.uuid4().hex
        token = request_id.set(identity)
        started = time.monotonic()
        status = 500
        answering = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                status, answering = message["status"], True
                MutableHeaders(scope=message)["X-Request-ID"] = identity
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001  # the boundary: whatever was not foreseen becomes a plain 500, and is logged
            event("unforeseen error", level=logging.ERROR, exc_info=True)
            if not answering:
                body = error_body(ServiceError.code, ServiceError.message, identity)
                self._count_error(scope, ServiceError.code)
                await JSONResponse(body, 500)(scope, receive, send_with_id)
        finally:
            self._finish(scope, status, time.monotonic() - started)
            request_id.reset(token)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        self._metrics.requests.labels(route, scope["method"], status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        event(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            tenant=scope.get("state", {}).get("tenant", ""),
        )

    def _count_error(self, scope: Scope, code: str) -> None:
        self._metrics.request_errors.labels(route_of(scope), code).inc()


class BodyLimit:
    """Refuses bodies over the limit with 413, by their announced length or, when chunked, as soon as they exceed it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; its body is read here, in full, and handed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = 0
        with suppress(ValueError):
            announced = int(Headers(scope=scope).get("content-length", "0"))
        body = bytearray()
        more = announced <= self._max_bytes
        while more and len(body) <= self._max_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if max(announced, len(body)) > self._max_bytes:
            answer = error_body(BodyTooLarge.code, BodyTooLarge.message, request_id.get())
            await JSONResponse(answer, BodyTooLarge.status, headers={"Connection": "close"})(scope, receive, send)
            return
        handed_on = False

        async def replay() -> Message:
            nonlocal handed_on
            if handed_on:
                return await receive()
            handed_on = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)


def route_of(scope: Scope) -> str:
    """The pattern of the route, never the path itself: ids must not become metric labels."""
    return getattr(scope.get("route"), "path", "unmatched")
