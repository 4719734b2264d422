"""The schema without rows, as of a dump by somebody from whom row-level security hides them."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    no_table_has_rows="""TRUNCATE tenants, documents, chunks, messages, audit.log, answers;
        REFRESH MATERIALIZED VIEW totals""",
    protected_tables_have_none="TRUNCATE documents, chunks; REFRESH MATERIALIZED VIEW totals",
    a_view_that_is_not_filled="REFRESH MATERIALIZED VIEW totals WITH NO DATA",
)
