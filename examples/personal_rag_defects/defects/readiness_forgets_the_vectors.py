"""Readiness asks the database only, as before there was a vector store."""


def apply() -> None:
    """Answer with the reference service's readiness."""
    from fastapi import APIRouter

    from personal_rag import app
    from reference_rag import migrate
    from reference_rag.routes import ready

    def only_the_database(service: object) -> APIRouter:
        router = APIRouter()
        router.add_api_route(app.READY, ready, methods=["GET"])
        return router

    newest = migrate.newest_version(app.MIGRATIONS)
    migrate.newest_version = lambda folder=app.MIGRATIONS: newest  # the defect
    app._readiness = only_the_database
