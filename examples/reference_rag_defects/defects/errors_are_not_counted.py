"""The counter of errors exists and nobody increments it: the error rate is always zero."""


def apply() -> None:
    """Answer errors without counting them."""
    from fastapi import Request
    from fastapi.responses import JSONResponse

    from reference_rag import app
    from reference_rag.errors import error_body
    from reference_rag.logs import request_id

    def answer(
        request: Request, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> JSONResponse:
        return JSONResponse(error_body(code, message, request_id.get()), status, headers)

    app._answer = answer
