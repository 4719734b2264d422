"""A failed call of the model is tried again and again, while the client waits and the model is flooded."""


def apply() -> None:
    """Try twelve times, half a second apart."""
    import asyncio

    import httpx

    from reference_rag import llm

    async def ask(self: llm.ChatModel, messages: list[llm.Message], retries: int) -> str:
        for _ in range(12):
            try:
                return await self._ask_once(messages)
            except (httpx.HTTPError, TimeoutError):
                await asyncio.sleep(0.5)
        return await self._ask_once(messages)

    llm.ChatModel._ask = ask  # type: ignore[method-assign]  # the defect
