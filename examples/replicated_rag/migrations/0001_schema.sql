-- Tables, indexes and the rights of the service. Run by the owner; the service connects as rag_app, which owns nothing.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        RAISE EXCEPTION 'the extension "vector" is missing: an administrator runs CREATE EXTENSION vector in this database';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rag_app') THEN
        RAISE EXCEPTION 'the role "rag_app" is missing: an administrator runs CREATE ROLE rag_app LOGIN PASSWORD ...';
    END IF;
END
$$;

CREATE TABLE documents (
    tenant_id  text        NOT NULL,
    id         text        NOT NULL,
    title      text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_created_at_idx ON documents (tenant_id, created_at);

CREATE TABLE chunks (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   text        NOT NULL,
    document_id text        NOT NULL,
    position    integer     NOT NULL,
    content     text        NOT NULL,
    embedding   vector(384) NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX chunks_document_idx ON chunks (tenant_id, document_id);
CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 24, ef_construction = 128);

CREATE TABLE messages (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  text        NOT NULL,
    session    text        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_session_idx ON messages (tenant_id, session, id);
CREATE INDEX messages_created_at_idx ON messages (tenant_id, created_at);

GRANT SELECT ON schema_migrations TO rag_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO rag_app;
GRANT SELECT, INSERT, DELETE ON chunks TO rag_app;
GRANT SELECT, INSERT ON messages TO rag_app;
