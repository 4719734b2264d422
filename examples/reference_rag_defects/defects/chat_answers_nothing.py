"""Chat answers 200 with an empty text when the model's reply has another form than expected."""


def apply() -> None:
    """Lose the model's text."""
    from reference_rag import llm

    original = llm.ChatModel.complete

    async def complete(self: llm.ChatModel, messages: list[llm.Message]) -> str:
        await original(self, messages)
        return ""

    llm.ChatModel.complete = complete  # type: ignore[method-assign]  # the defect
