"""Readiness asks the database only, as before there was a vector store."""


def apply() -> None:
    """Answer with the reference service's readiness."""
    from personal_rag import app
    from reference_rag.routes import readiness

    app.readiness = readiness
