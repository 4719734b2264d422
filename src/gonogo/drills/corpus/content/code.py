"""Functions, triggers, views and rules are otherwise."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    a_function_changed="""CREATE OR REPLACE FUNCTION near(query vector, many int) RETURNS SETOF bigint LANGUAGE
        sql STABLE AS 'SELECT id FROM public.chunks ORDER BY embedding <-> query LIMIT many'""",
    a_function_of_its_owner="ALTER FUNCTION near SECURITY DEFINER",
    a_function_dropped="DROP FUNCTION near",
    a_trigger_disabled="ALTER TABLE documents DISABLE TRIGGER touched",
    a_trigger_dropped="DROP TRIGGER touched ON documents",
    a_view_changed="""CREATE OR REPLACE VIEW live_documents WITH (security_barrier = true) AS SELECT id,
        tenant_id, title FROM documents""",
    a_view_dropped="DROP VIEW live_documents",
    a_materialized_view_dropped="DROP MATERIALIZED VIEW totals",
    a_rule_dropped="DROP RULE no_delete ON answers",
    an_aggregate_dropped="DROP AGGREGATE longest(text)",
    an_aggregate_changed="""DROP AGGREGATE longest(text);
        CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text, INITCOND = 'x');
        ALTER AGGREGATE longest(text) OWNER TO rag_owner""",
)
