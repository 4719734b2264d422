"""The ASGI application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from . import __version__
from .errors import ServiceError, error_body
from .logs import event, request_id
from .middleware import BodyLimit, RequestContext, route_of
from .routes import api, public, readiness
from .service import Service


def make_app(
    service: Service, *, title: str = "Reference RAG service", routers: Sequence[APIRouter] = (public, readiness, api)
) -> FastAPI:
    """The application around a service; the lifespan opens and closes it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.open()
        event("started")
        yield
        await service.close()
        event("stopped")

    app = FastAPI(
        title=title,
        version=__version__,
        description="Searches documents and answers from them; every tenant sees only its own.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(BodyLimit, max_bytes=service.settings.max_body_bytes)
    app.add_middleware(RequestContext, metrics=service.metrics)  # added last: it is the outermost
    return app


def _answer(
    request: Request, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    service: Service = request.app.state.service
    service.metrics.request_errors.labels(route_of(request.scope), code).inc()
    return JSONResponse(error_body(code, message, request_id.get()), status, headers)


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return _answer(request, error.status, error.code, error.message, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong and where, without repeating the input."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return _answer(request, 422, "invalid_request", "; ".join(problems))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "no_such_route", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "bad_request")
    return _answer(request, error.status_code, code, error.detail, dict(error.headers or {}))
