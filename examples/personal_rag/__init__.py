"""A personal retrieval service: documents and messages in PostgreSQL, vectors in Chroma, a cache in Redis."""
