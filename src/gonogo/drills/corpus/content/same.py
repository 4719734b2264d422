"""The same, stored otherwise: a good backup of a database that somebody has tidied."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    rows_in_another_order="""UPDATE chunks SET place = place WHERE document_id % 2 = 0;
        UPDATE audit.log SET what = what""",
    clustered="CLUSTER chunks USING chunks_tenant_idx; ALTER TABLE chunks SET WITHOUT CLUSTER",
    packed="VACUUM FULL",
    reindexed="REINDEX DATABASE rag",
    analyzed="ANALYZE",
    read="SELECT count(*) FROM chunks",
    granted_again="REVOKE SELECT ON chunks FROM rag_app; GRANT SELECT ON chunks TO rag_app",
    statistics_of_use="SELECT pg_stat_reset()",
)
