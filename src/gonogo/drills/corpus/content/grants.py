"""Somebody may do less or more."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    one_lost="REVOKE INSERT ON chunks FROM rag_app",
    all_lost="REVOKE ALL ON chunks, documents, tenants FROM rag_app",
    one_gained="GRANT DELETE ON messages TO rag_app",
    to_everybody="GRANT SELECT ON messages TO PUBLIC",
    of_a_column_lost="REVOKE SELECT (tenant_id) ON messages FROM rag_reader",
    of_a_schema_lost="REVOKE USAGE ON SCHEMA audit FROM rag_app",
    of_a_function_to_everybody="GRANT EXECUTE ON FUNCTION near TO PUBLIC",
    of_a_sequence_lost="REVOKE USAGE ON SEQUENCE tickets FROM rag_app",
    of_the_database_lost="REVOKE CONNECT ON DATABASE rag FROM rag_app",
    of_the_future_lost="""ALTER DEFAULT PRIVILEGES FOR ROLE rag_owner IN SCHEMA public REVOKE SELECT ON TABLES
        FROM rag_reader""",
    with_grant_option="GRANT SELECT ON chunks TO rag_app WITH GRANT OPTION",
    another_owner="ALTER TABLE chunks OWNER TO rag_app",
    another_owner_of_a_function="ALTER FUNCTION near OWNER TO rag_app",
    another_owner_of_the_database="ALTER DATABASE rag OWNER TO rag_app",
    of_a_type_lost="REVOKE USAGE ON TYPE state FROM PUBLIC",
)
