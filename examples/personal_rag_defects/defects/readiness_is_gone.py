"""The readiness route is not there any more."""


def apply() -> None:
    """Add no route for it."""
    from fastapi import APIRouter

    from personal_rag import app

    app._readiness = lambda service: APIRouter()  # the defect
