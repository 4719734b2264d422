-- Run by the owner; the service connects as rag_app, which owns nothing. The vectors are in Chroma, by the chunk's id.

CREATE TABLE documents (
    id         text        PRIMARY KEY,
    title      text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_created_at_idx ON documents (created_at);

CREATE TABLE chunks (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id text        NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position    integer     NOT NULL,
    content     text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX chunks_document_idx ON chunks (document_id);

-- Vectors that are no longer wanted: written with the change itself, worked off after its commit.
CREATE TABLE vectors_to_remove (
    chunk_id   bigint      PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE messages (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session    text        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_session_idx ON messages (session, id);
CREATE INDEX messages_created_at_idx ON messages (created_at);

GRANT SELECT ON schema_migrations TO rag_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO rag_app;
GRANT SELECT, INSERT, DELETE ON chunks TO rag_app;
GRANT USAGE ON SEQUENCE chunks_id_seq TO rag_app;  -- ids are taken before the vectors are stored
GRANT SELECT, INSERT, DELETE ON vectors_to_remove TO rag_app;
GRANT SELECT, INSERT ON messages TO rag_app;
