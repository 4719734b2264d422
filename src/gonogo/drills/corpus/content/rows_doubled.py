"""Rows are there that were not, or twice where no key forbids it."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    one_row_twice="INSERT INTO audit.log SELECT * FROM audit.log LIMIT 1",
    all_rows_twice="INSERT INTO audit.log SELECT * FROM audit.log",
    a_row_more="INSERT INTO messages (id, tenant_id) VALUES (md5('x{n}')::uuid, 1)",
    rows_resurrected="""INSERT INTO chunks (id, document_id, tenant_id, place, body, embedding) SELECT 5000 +
        id, document_id, tenant_id, 9, body, embedding FROM chunks WHERE document_id = {n}""",
)
