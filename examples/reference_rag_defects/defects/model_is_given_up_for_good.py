"""The circuit breaker opens at the first failure and never tries again."""


def apply() -> None:
    """Open at once, for ever."""
    from reference_rag import llm

    original = llm.CircuitBreaker.failed

    def failed(self: llm.CircuitBreaker) -> None:
        self._limit, self._open_seconds = 1, 1e9
        original(self)

    llm.CircuitBreaker.failed = failed  # type: ignore[method-assign]  # the defect
