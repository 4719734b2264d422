"""Readiness answers well once, and never again: a deployment sees it, a load balancer does not."""


def apply() -> None:
    """Say that the vector store is away from the second time on that all was well."""
    from personal_rag import app
    from personal_rag.service import PersonalService

    state = app._vectors_state
    answered = False

    async def once(service: PersonalService) -> str:
        nonlocal answered
        found = await state(service)
        was, answered = answered, answered or found == "ok"
        return "vectors_unavailable" if was else found

    app._vectors_state = once
