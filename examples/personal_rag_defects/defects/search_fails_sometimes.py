"""Every fifteenth search ends in an internal error."""

from reference_rag_defects.defects.search_fails_sometimes import apply

__all__ = ["apply"]
