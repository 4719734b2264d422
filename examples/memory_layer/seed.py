"""Loads a corpus of passages as messages of one conversation each, and filler for the vector index."""

from typing import Final

from reference_rag.seed import Target

MESSAGES: Final = Target(
    known="SELECT id FROM messages",
    inserts=(
        "INSERT INTO conversations (tenant_id, id) SELECT %(tenant)s, 'seed/' || id FROM new_documents",
        """
        INSERT INTO messages (tenant_id, id, conversation_id, role, content, importance)
        SELECT %(tenant)s, id, 'seed/' || id, 'user', title || E'\\n' || body, 0.5 FROM new_documents
        """,
        """
        INSERT INTO chunks (tenant_id, message_id, position, content, embedding)
        SELECT %(tenant)s, document_id, position, content, embedding FROM new_chunks
        """,
    ),
    tables="conversations, messages, chunks",
)
