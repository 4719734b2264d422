"""The circuit breaker's state is not exposed: nobody sees that the model is given up."""

from collections.abc import Callable


def apply() -> None:
    """Do not register the gauge."""
    from reference_rag import metrics

    original = metrics.Metrics.watch

    def watch(self: metrics.Metrics, name: str, text: str, read: Callable[[], float]) -> None:
        if name != "rag_circuit_breaker_state":
            original(self, name, text, read)

    metrics.Metrics.watch = watch  # type: ignore[method-assign]  # the defect
