"""The OpenAPI document is switched off."""


def apply() -> None:
    """Make the application without it."""
    from functools import partial

    from fastapi import FastAPI

    from reference_rag import app

    app.FastAPI = partial(FastAPI, openapi_url=None)  # type: ignore[attr-defined,assignment]  # the defect
