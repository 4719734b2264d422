"""Documents and their passages. Run by the owner; the service connects as rag_app, which owns nothing."""

from alembic import op

revision = "0001"
down_revision = None

_UP = (
    """CREATE TABLE documents (
        id         text        PRIMARY KEY,
        title      text        NOT NULL,
        body       text        NOT NULL,
        metadata   jsonb       NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX documents_created_at_idx ON documents (created_at, id)",
    """CREATE TABLE chunks (
        id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        document_id text        NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        position    integer     NOT NULL,
        content     text        NOT NULL,
        embedding   vector(384) NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX chunks_document_idx ON chunks (document_id)",
    """CREATE INDEX chunks_embedding_idx ON chunks
        USING hnsw (embedding vector_cosine_ops) WITH (m = 24, ef_construction = 128)""",
    "GRANT SELECT ON alembic_version TO rag_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO rag_app",
    "GRANT SELECT, INSERT, DELETE ON chunks TO rag_app",
)


def upgrade() -> None:
    """Make both tables."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Back to nothing: this one takes every document with it."""
    op.execute("DROP TABLE chunks, documents")
