"""A replicated vector store: documents on a primary and its standbys, and a report of how the standbys are."""
