"""Every question begins the conversation anew: nothing is stored."""


def apply() -> None:
    """Store no turn."""
    from collections.abc import Sequence

    from documents_rag import store
    from reference_rag.database import Connection

    async def add_turn(connection: Connection, session: str, question: str, answer: str, sources: Sequence[str]) -> int:
        return 0

    store.add_turn = add_turn
