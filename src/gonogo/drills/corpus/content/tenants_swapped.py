"""Rows belong to another tenant."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    one_row="""UPDATE messages SET tenant_id = 1 + tenant_id % 6 WHERE id = md5('m' || 1 + {n} % 150)::uuid""",
    two_tenants="UPDATE chunks SET tenant_id = 3 - tenant_id WHERE tenant_id IN (1, 2)",
    documents_of_two="UPDATE documents SET tenant_id = 7 - tenant_id",
)
