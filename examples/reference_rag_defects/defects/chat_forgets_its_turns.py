"""Turns are never stored: every question begins a new conversation."""


def apply() -> None:
    """Store nothing and count nothing."""
    from reference_rag import store
    from reference_rag.database import Connection

    async def add_turn(connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:
        return 0

    store.add_turn = add_turn
