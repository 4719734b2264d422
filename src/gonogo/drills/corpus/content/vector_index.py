"""The vector index is not the one that searches need."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    missing="DROP INDEX chunks_embedding_idx",
    invalid="""UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chunks_embedding_idx'::regclass""",
    wrong_metric="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_l2_ops) WITH (m = 12,
        ef_construction = 48)""",
    m_is_2="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 2,
        ef_construction = 48)""",
    built_less_carefully="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 12,
        ef_construction = 24)""",
    another_method="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING ivfflat (embedding vector_cosine_ops) WITH (lists = 10)""",
    partial="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 12,
        ef_construction = 48) WHERE tenant_id < 5""",
    of_half_precision="""DROP INDEX chunks_embedding_idx;
        CREATE INDEX chunks_embedding_idx ON chunks USING hnsw ((embedding::halfvec(16)) halfvec_cosine_ops)""",
)
