CREATE ROLE rag_owner LOGIN PASSWORD 'owner-heron-93c2';
CREATE ROLE rag_app LOGIN PASSWORD 'app-wren-4b1f';
ALTER DATABASE rag OWNER TO rag_owner;
CREATE EXTENSION vector;
CREATE EXTENSION pg_stat_statements;
