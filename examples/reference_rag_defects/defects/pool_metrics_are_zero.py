"""The pool's gauges are registered and never set: the dashboard shows an idle pool for ever."""

from collections.abc import Callable


def apply() -> None:
    """Show zero for everything about the pool."""
    from reference_rag import metrics

    original = metrics.Metrics.watch

    def watch(self: metrics.Metrics, name: str, text: str, read: Callable[[], float]) -> None:
        original(self, name, text, (lambda: 0.0) if name.startswith("rag_db_pool") else read)

    metrics.Metrics.watch = watch  # type: ignore[method-assign]  # the defect
