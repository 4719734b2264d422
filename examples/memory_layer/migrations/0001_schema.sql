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

CREATE TABLE conversations (
    tenant_id  text        NOT NULL,
    id         text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

-- Whoever speaks in a conversation. archived_at is NULL while the message is remembered.
CREATE TABLE messages (
    tenant_id       text        NOT NULL,
    id              text        NOT NULL,
    conversation_id text        NOT NULL,
    position        bigint      GENERATED ALWAYS AS IDENTITY,
    role            text        NOT NULL CHECK (role IN ('user', 'assistant')),
    content         text        NOT NULL,
    importance      real        NOT NULL CHECK (importance BETWEEN 0 AND 1),
    created_at      timestamptz NOT NULL DEFAULT now(),
    archived_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX messages_conversation_idx ON messages (tenant_id, conversation_id, position);
-- What the retention job looks for: old ones that are not archived yet, and those archived long ago.
CREATE INDEX messages_created_at_idx ON messages (tenant_id, created_at);
CREATE INDEX messages_archived_at_idx ON messages (tenant_id, archived_at);

-- The passages of remembered messages. A message that is archived has none: it is kept, but no longer found.
CREATE TABLE chunks (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   text        NOT NULL,
    message_id  text        NOT NULL,
    position    integer     NOT NULL,
    content     text        NOT NULL,
    embedding   vector(384) NOT NULL,
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX chunks_message_idx ON chunks (tenant_id, message_id);
CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 24, ef_construction = 128);

-- One row for each run of the retention job that ended well, over all tenants. A run that failed leaves none.
CREATE TABLE retention_runs (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    archived    integer     NOT NULL,
    deleted     integer     NOT NULL
);

GRANT SELECT ON schema_migrations TO rag_app;
GRANT SELECT, INSERT, DELETE ON conversations TO rag_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON messages TO rag_app;
GRANT SELECT, INSERT, DELETE ON chunks TO rag_app;
GRANT SELECT, INSERT ON retention_runs TO rag_app;
