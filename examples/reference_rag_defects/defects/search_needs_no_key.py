"""The search route forgot to authenticate: without a key it answers as a default tenant."""

from collections.abc import Sequence


def apply() -> None:
    """Fall back to the first key's tenant on this one route."""
    from fastapi import Request

    from reference_rag import auth, routes

    original = routes.authenticate

    def authenticate(request: Request, service: routes.Parts) -> auth.Caller:
        key = request.headers.get("x-api-key")
        if not key and request.url.path == "/search":
            key = service.settings.api_keys[0].key.get_secret_value()
        return original(request, service, key)

    _replace_dependency(routes.api.routes, original, authenticate)


def _replace_dependency(routes: Sequence[object], original: object, replacement: object) -> None:
    from fastapi.dependencies.utils import get_dependant
    from fastapi.routing import APIRoute

    for route in routes:
        assert isinstance(route, APIRoute)
        for at, dependant in enumerate(route.dependant.dependencies):
            if dependant.call is original:
                fresh = get_dependant(path=route.path, call=replacement)  # type: ignore[arg-type]  # a callable
                fresh.name = dependant.name
                route.dependant.dependencies[at] = fresh
