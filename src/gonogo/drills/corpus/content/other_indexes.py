"""Another index is missing or otherwise."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    missing="DROP INDEX chunks_tenant_idx",
    invalid="""UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'documents_live_idx'::regclass""",
    not_ready="""UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid =
        'documents_body_idx'::regclass""",
    other_columns="""DROP INDEX chunks_tenant_idx;
        CREATE INDEX chunks_tenant_idx ON chunks (document_id, tenant_id)""",
    another_predicate="""DROP INDEX documents_live_idx;
        CREATE INDEX documents_live_idx ON documents (created_at DESC) WHERE state = 'draft'""",
    one_more="CREATE INDEX more ON messages (at)",
)
