"""The name of a session is lost on its way to the store: everybody of a tenant goes on with one conversation."""


def apply() -> None:
    """Store and read every turn under one name."""
    from reference_rag import store
    from reference_rag.database import Connection

    add_turn, last_turns = store.add_turn, store.last_turns

    async def add(connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:
        return await add_turn(connection, tenant, "session", question, answer)

    async def last(connection: Connection, session: str, limit: int) -> list[store.Turn]:
        return await last_turns(connection, "session", limit)

    store.add_turn = add
    store.last_turns = last
