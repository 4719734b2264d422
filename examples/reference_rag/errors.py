"""The errors that callers see. Each has a status and a code; none carries SQL, driver text or a host name.

ServiceError
├── NotAuthenticated 401, NotAllowed 403, NotFound 404, BodyTooLarge 413, RateLimited 429
├── DatabaseBusy 503, DatabaseTimeout 503, DatabaseUnavailable 503
└── ModelUnavailable 503
"""

from pydantic import BaseModel


class ErrorDetail(BaseModel):
    """What went wrong, for people and for programs."""

    code: str
    message: str
    request_id: str


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class ServiceError(Exception):
    """An error with a status; `retry_after` is in seconds and becomes the header of that name."""

    status = 500
    code = "internal_error"
    message = "The request could not be completed."

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.retry_after = retry_after


class NotAuthenticated(ServiceError):
    """No key, or one that nobody has."""

    status, code, message = 401, "not_authenticated", "A valid X-API-Key header is required."


class NotAllowed(ServiceError):
    """The key may only read."""

    status, code, message = 403, "not_allowed", "This key may not write."


class NotFound(ServiceError):
    """There is no such thing, or it belongs to another tenant: the caller cannot tell which."""

    status, code, message = 404, "not_found", "There is no such document."


class BodyTooLarge(ServiceError):
    """The body is longer than MAX_BODY_BYTES."""

    status, code, message = 413, "body_too_large", "The request body is too large."


class RateLimited(ServiceError):
    """The key has used up its requests."""

    status, code, message = 429, "rate_limited", "Too many requests for this key."


class DatabaseBusy(ServiceError):
    """No connection became free in time, or a lock was not granted."""

    status, code, message = 503, "database_busy", "The database is busy; try again shortly."


class DatabaseTimeout(ServiceError):
    """The database took longer than it may. A write may or may not have happened."""

    status, code, message = 503, "database_timeout", "The database did not answer in time."


class DatabaseUnavailable(ServiceError):
    """The database cannot be reached, or the connection broke. A write may or may not have happened."""

    status, code, message = 503, "database_unavailable", "The database is not available."


class ModelUnavailable(ServiceError):
    """The language or embedding model failed, or its circuit breaker is open."""

    status, code, message = 503, "model_unavailable", "The model is not available; try again later."


def error_body(code: str, message: str, request_id: str) -> dict[str, object]:
    """The JSON of an error."""
    return ErrorBody(error=ErrorDetail(code=code, message=message, request_id=request_id)).model_dump()
