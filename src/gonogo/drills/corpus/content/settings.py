"""What searches depend on is set otherwise."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    lost="ALTER DATABASE rag RESET hnsw.ef_search",
    another_value="ALTER DATABASE rag SET hnsw.ef_search = 10",
    of_a_role_in_it_lost="ALTER ROLE rag_app IN DATABASE rag RESET hnsw.iterative_scan",
    one_more="ALTER DATABASE rag SET work_mem = '64kB'",
    of_a_table="ALTER TABLE chunks SET (autovacuum_enabled = false)",
)
