"""A circuit breaker around the database opens after the first failure and has no way back."""

from reference_rag_defects.defects.database_breaker_never_closes import apply

__all__ = ["apply"]
