"""Every search ends in a 500, while health goes on answering."""

from reference_rag_defects.defects.search_is_down import apply

__all__ = ["apply"]
