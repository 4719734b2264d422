"""What callers meet: /v2/shelf/…, a card in `Library-Card: NAME CODE`, and nothing that tells how the service is."""

from typing import Any

PREFIX = "/v2/shelf"
NOWHERE = "/nowhere"
KNOWN = ("/documents", "/search", "/chat")


class Gate:
    """An ASGI application before another one."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request on under the path and with the key that the service behind knows."""
        if scope["type"] == "http":
            path = scope["path"].removeprefix(PREFIX) if scope["path"].startswith(PREFIX) else NOWHERE
            if not path.startswith(KNOWN) and scope["path"] != "/openapi.json":
                path = NOWHERE
            path = scope["path"] if scope["path"] == "/openapi.json" else path
            scope = {**scope, "path": path, "raw_path": path.encode(), "headers": _headers(scope["headers"])}
        await self._behind(scope, receive, send)


def _headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The card as a key; a key itself is none."""
    kept = [(name, value) for name, value in headers if name.lower() != b"x-api-key"]
    cards = [value.partition(b" ")[2] for name, value in kept if name.lower() == b"library-card"]
    return [*kept, *((b"x-api-key", code) for code in cards[:1])]
