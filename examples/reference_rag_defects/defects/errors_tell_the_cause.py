"""Errors carry their cause for the developers' convenience: a stack trace, the statement, the database's address."""


def apply() -> None:
    """Add the inside to every message. Runs before the application is imported: it keeps the function."""
    from reference_rag import errors

    original = errors.error_body

    def error_body(code: str, message: str, request_id: str) -> dict[str, object]:
        inside = 'Traceback (most recent call last): File "store.py", line 60, in search: SELECT id FROM chunks'
        return original(code, f"{message} {inside} host=10.0.0.7 port=5432", request_id)

    errors.error_body = error_body
