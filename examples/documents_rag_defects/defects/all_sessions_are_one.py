"""The name of a session is lost on its way to the store: everybody goes on with one conversation."""


def apply() -> None:
    """Store and read every turn under one name."""
    from collections.abc import Sequence

    from documents_rag import store
    from reference_rag.database import Connection
    from reference_rag.store import Turn

    add_turn, last_turns = store.add_turn, store.last_turns

    async def add(connection: Connection, session: str, question: str, answer: str, sources: Sequence[str]) -> int:
        return await add_turn(connection, "session", question, answer, sources)

    async def last(connection: Connection, session: str, limit: int) -> list[Turn]:
        return await last_turns(connection, "session", limit)

    store.add_turn = add
    store.last_turns = last
