"""The chat route is left out of the OpenAPI document."""


def apply() -> None:
    """Hide it."""
    from fastapi.routing import APIRoute

    from reference_rag import routes

    for route in routes.api.routes:
        if isinstance(route, APIRoute) and route.path == "/chat":
            route.include_in_schema = False
