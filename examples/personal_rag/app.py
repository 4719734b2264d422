"""The reference service's application with a readiness of its own: this one asks both stores."""

import asyncio
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Response

from reference_rag.app import make_app
from reference_rag.errors import ErrorBody, ServiceError
from reference_rag.routes import READINESS_SECONDS, answer_readiness, api, checks_of, public, service_of
from reference_rag.schemas import Ready

from .service import PersonalService

readiness = APIRouter(tags=["operation"])


def make_personal_app(service: PersonalService) -> FastAPI:
    """The application around a service."""
    return make_app(service, title="Personal RAG service", routers=(public, readiness, api))


def parts_of(service: Annotated[object, Depends(service_of)]) -> PersonalService:
    """The parts of the running service."""
    return cast("PersonalService", service)


@readiness.get("/readyz", response_model=Ready, responses={503: {"model": ErrorBody}})
async def ready(service: Annotated[PersonalService, Depends(parts_of)]) -> Response:
    """Whether the service can do its work: not draining, both stores answer, and the database is migrated."""
    checks, vectors = await asyncio.gather(checks_of(service), _vectors_state(service))
    return answer_readiness(checks | {"vectors": vectors})


async def _vectors_state(service: PersonalService) -> str:
    try:
        async with asyncio.timeout(2 * READINESS_SECONDS):
            await service.vectors.check(READINESS_SECONDS)
    except ServiceError as error:
        return error.code
    except TimeoutError:
        return "vectors_timeout"
    return "ok"
