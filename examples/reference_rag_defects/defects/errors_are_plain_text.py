"""Errors are a sentence of plain text, without a code and without the request's id."""


def apply() -> None:
    """Answer every foreseen error as text."""
    from fastapi import Request, Response
    from fastapi.responses import PlainTextResponse

    from reference_rag import app

    def answer(
        request: Request, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> Response:
        return PlainTextResponse(message, status, headers)

    app._answer = answer  # type: ignore[assignment]  # the defect
