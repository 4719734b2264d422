"""Conversations: a session has messages, an answer names the documents it rests on."""

from alembic import op

revision = "0002"
down_revision = "0001"

_UP = (
    """CREATE TABLE sessions (
        id         text        PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    """CREATE TABLE messages (
        id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id text        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        role       text        NOT NULL CHECK (role IN ('user', 'assistant')),
        content    text        NOT NULL,
        sources    jsonb       NOT NULL DEFAULT '[]',
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX messages_session_idx ON messages (session_id, id)",
    "CREATE INDEX messages_created_at_idx ON messages (created_at)",
    "GRANT SELECT, INSERT ON sessions, messages TO rag_app",
)


def upgrade() -> None:
    """Make both tables."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Back to a service without memory: this one takes every conversation with it."""
    op.execute("DROP TABLE messages, sessions")
