"""The HTTP interface of replication; everything else is the reference service's."""

from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from reference_rag.errors import ErrorBody
from reference_rag.routes import Reader, service_of

from .service import Service


class StandbyOut(BaseModel):
    """A standby. `state` is streaming when all is well; what nobody can know of an absent one is null."""

    name: str
    state: str
    sync_state: str | None
    lag_bytes: int | None
    lag_seconds: float | None
    heartbeat_age_seconds: float | None


class StatusOut(BaseModel):
    """Role of the server that the service writes to, and its standbys, as of an instant of that server's clock."""

    role: str
    as_of: datetime
    standbys: list[StandbyOut]


def parts_of(service: Annotated[object, Depends(service_of)]) -> Service:
    """The parts of the running service."""
    return cast("Service", service)


_ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in (401, 429, 500, 503)}
replication = APIRouter(tags=["operation"], responses=_ERRORS)


@replication.get("/replication/status")
async def status(caller: Reader, service: Annotated[Service, Depends(parts_of)]) -> StatusOut:
    """How the standbys are: asked of the primary now, never remembered."""
    found = await service.replication.status(caller.tenant)
    standbys = [
        StandbyOut(
            name=one.name, state=one.state, sync_state=one.sync_state, lag_bytes=one.lag_bytes,
            lag_seconds=one.lag_seconds, heartbeat_age_seconds=one.heartbeat_age_seconds,
        )
        for one in found.standbys
    ]  # fmt: skip
    return StatusOut(role=found.role, as_of=found.as_of, standbys=standbys)
