"""Rows are not there."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    one_row="DELETE FROM chunks WHERE document_id = {n} AND place = 3",
    rows_of_one_document="DELETE FROM documents WHERE id = {n}",
    the_last_rows="DELETE FROM messages WHERE at > date '2026-06-20'",
    one_tenant="""DELETE FROM messages WHERE tenant_id = 2;
        DELETE FROM documents WHERE tenant_id = 2;
        DELETE FROM chunks WHERE tenant_id = 2""",
    a_whole_table="DELETE FROM audit.log",
    the_vectors_table="DELETE FROM chunks",
)
