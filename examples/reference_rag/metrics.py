"""The Prometheus metrics of the service, in a registry of their own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SCORES = tuple(step / 10 for step in range(1, 11))


class Metrics:
    """Every family that the service exposes; durations are in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("rag_requests", "Requests answered.", "route", "method", "status")
        self.request_errors = self._counter("rag_request_errors", "Requests that ended in an error.", "route", "code")
        self.request_seconds = self._histogram("rag_request_duration_seconds", "Time to answer.", _FAST, "route")
        self.embedding_seconds = self._histogram("rag_embedding_duration_seconds", "Time to embed.", _FAST)
        self.top_score = self._histogram("rag_retrieval_top_score", "Best similarity of a search.", _SCORES)
        self.documents = self._counter("rag_documents_ingested", "Documents stored.")
        self.chats = self._counter("rag_chats", "Chat turns answered.")
        self.cache_hits = self._counter("rag_cache_hits", "Searches answered from the cache.")
        self.cache_misses = self._counter("rag_cache_misses", "Searches that the cache could not answer.")
        self.breaker_trips = self._counter("rag_circuit_breaker_trips", "Times the circuit breaker opened.")
        self.llm_requests = self._counter("rag_llm_requests", "Calls of the language model.", "outcome")
        self.llm_seconds = self._histogram("rag_llm_request_duration_seconds", "Time of a model call.", _FAST)
        self.rate_limited = self._counter("rag_rate_limited", "Requests refused by the rate limit.")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read when somebody looks."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4
