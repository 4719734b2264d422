"""The reference service's application with a readiness of its own: this one asks both stores."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse

from reference_rag.app import make_app
from reference_rag.errors import ErrorBody, ServiceError, error_body
from reference_rag.logs import request_id
from reference_rag.migrate import newest_version
from reference_rag.routes import api, live, metrics
from reference_rag.schemas import Ready

from .service import PersonalService

MIGRATIONS: Final = Path(__file__).parent / "migrations"
READY: Final = "/readyz"
_READINESS_SECONDS: Final = 0.45


def make_personal_app(service: PersonalService) -> FastAPI:
    """The application around a service."""
    operation = APIRouter(tags=["operation"])
    operation.get("/livez")(live)
    operation.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})(metrics)
    return make_app(service, title="Personal RAG service", routers=(operation, _readiness(service), api))


def _readiness(service: PersonalService) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get(READY, response_model=Ready, responses={503: {"model": ErrorBody}})
    async def ready() -> Response:
        """Whether the service can do its work: not draining, both stores answer, and the database is migrated."""
        (database, schema), vectors = await asyncio.gather(_database_state(service), _vectors_state(service))
        checks = {
            "draining": "yes" if service.draining else "no", "database": database, "schema": schema,
            "vectors": vectors,
        }  # fmt: skip
        failing = [name for name, state in checks.items() if state not in ("ok", "no")]
        if not failing:
            return JSONResponse(Ready(checks=checks).model_dump())
        body = error_body("not_ready", f"Not ready: {', '.join(failing)}.", request_id.get())
        return JSONResponse({"status": "not ready", "failing": failing, "checks": checks} | body, 503)

    return router


async def _database_state(service: PersonalService) -> tuple[str, str]:
    """Of the database and of its schema."""
    try:
        version = await service.rag.database.schema_version(_READINESS_SECONDS)
    except ServiceError as error:
        return error.code, "unknown"
    return "ok", "ok" if version is not None and version >= newest_version(MIGRATIONS) else "not migrated"


async def _vectors_state(service: PersonalService) -> str:
    try:
        async with asyncio.timeout(2 * _READINESS_SECONDS):
            await service.vectors.check(_READINESS_SECONDS)
    except ServiceError as error:
        return error.code
    except TimeoutError:
        return "vectors_timeout"
    return "ok"
