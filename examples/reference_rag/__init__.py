"""A small retrieval service on PostgreSQL and pgvector: ingest, search and chat for several tenants."""

__version__ = "1.0.0"
