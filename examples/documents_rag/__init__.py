"""A LlamaIndex-style RAG API: ingest, chat with sessions and sources, documents; its schema is kept by Alembic."""
