"""Only successes carry a request id; the answers one would need it for do not."""


def apply() -> None:
    """Take the header away from errors."""
    from starlette.datastructures import MutableHeaders

    from reference_rag import middleware

    class Headers(MutableHeaders):
        def __init__(self, *, scope: dict[str, object]) -> None:
            super().__init__(scope=scope)
            self._error = int(str(scope["status"])) >= 400

        def __setitem__(self, key: str, value: str) -> None:
            if not (self._error and key == "X-Request-ID"):
                super().__setitem__(key, value)

    middleware.MutableHeaders = Headers  # type: ignore[attr-defined,assignment]  # the defect
