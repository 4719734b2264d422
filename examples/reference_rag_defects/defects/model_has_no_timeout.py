"""The model is called without a timeout: a hanging model holds its clients for ever."""


def apply() -> None:
    """Wait without end."""
    import httpx

    from reference_rag import llm
    from reference_rag.metrics import Metrics
    from reference_rag.settings import Settings

    original = llm.ChatModel.__init__

    def init(
        self: llm.ChatModel,
        settings: Settings,
        client: httpx.AsyncClient,
        breaker: llm.CircuitBreaker,
        metrics: Metrics,
    ) -> None:
        original(self, settings, client, breaker, metrics)
        client.timeout = httpx.Timeout(None)
        self._timeout = 1e6

    llm.ChatModel.__init__ = init  # type: ignore[method-assign]  # the defect
