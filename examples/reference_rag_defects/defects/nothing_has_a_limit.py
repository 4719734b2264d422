"""Neither bodies nor texts have a maximum size."""


def apply() -> None:
    """Lift both limits."""
    from reference_rag_defects.parts import texts_without_limit

    texts_without_limit()
    from starlette.types import Receive, Scope, Send

    from reference_rag import middleware

    async def call(self: middleware.BodyLimit, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    middleware.BodyLimit.__call__ = call  # type: ignore[method-assign]  # the defect
