"""gonogo: go or no-go for RAG stacks on PostgreSQL + pgvector."""

__version__ = "0.1.0"
