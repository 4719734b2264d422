"""What is easily forgotten."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    a_comment_lost="COMMENT ON COLUMN chunks.embedding IS NULL",
    a_comment_changed="COMMENT ON TABLE chunks IS 'something else'",
    a_large_object_lost="SELECT lo_unlink(70001)",
    a_large_object_changed="SELECT lo_put(70001, 1000, '\\x55')",
    a_publication_dropped="DROP PUBLICATION everything",
    statistics_dropped="DROP STATISTICS document_words",
    a_table_unlogged="ALTER TABLE messages SET UNLOGGED",
    replicated_otherwise="ALTER TABLE messages REPLICA IDENTITY FULL",
)
