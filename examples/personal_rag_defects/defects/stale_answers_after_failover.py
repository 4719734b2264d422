"""After it lost its database the service answers for five seconds from memory."""

from reference_rag_defects.defects.stale_answers_after_failover import apply

__all__ = ["apply"]
