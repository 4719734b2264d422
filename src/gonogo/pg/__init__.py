"""PostgreSQL: sessions, queries, ledger, vectors (exact oracle, recall), fingerprints, capture of statements."""
