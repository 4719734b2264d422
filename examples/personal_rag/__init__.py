"""A personal retrieval service: documents and messages in PostgreSQL, vectors in Chroma, a cache in Redis."""

__version__ = "1.0.0"
