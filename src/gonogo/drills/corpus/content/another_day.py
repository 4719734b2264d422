"""A backup of the day before: all is sound, and older."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    the_day_before="""DELETE FROM chunks WHERE document_id > 180;
        DELETE FROM documents WHERE id > 180;
        UPDATE documents SET body = body || ' (first version)' WHERE id % 9 = 0;
        DELETE FROM messages WHERE at > date '2026-06-01';
        SELECT setval('chunks_id_seq', 1080)""",
    before_the_last_write="UPDATE documents SET title = title || ' (draft)' WHERE id = {n}",
    before_the_last_migration="ALTER TABLE documents DROP COLUMN weight",
)
