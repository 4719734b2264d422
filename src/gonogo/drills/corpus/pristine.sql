-- The database of the corpus: small, and with something of every kind that a backup must bring back.
CREATE ROLE rag_owner LOGIN;
CREATE ROLE rag_app LOGIN;
CREATE ROLE rag_reader;
CREATE ROLE "Odd role";
GRANT rag_reader TO rag_app;
CREATE DATABASE rag OWNER rag_owner;
\connect rag
CREATE EXTENSION vector;
CREATE EXTENSION pg_trgm;
GRANT CREATE ON SCHEMA public TO rag_owner;
ALTER DATABASE rag SET hnsw.ef_search = 80;
ALTER ROLE rag_app IN DATABASE rag SET hnsw.iterative_scan = 'relaxed_order';
GRANT CONNECT ON DATABASE rag TO rag_app;

SET ROLE rag_owner;
CREATE SCHEMA audit;
CREATE TYPE public.state AS ENUM ('draft', 'live', 'archived');
CREATE DOMAIN public.share AS numeric(6, 4) CHECK (VALUE BETWEEN 0 AND 1);
CREATE TABLE public.tenants (
    id serial PRIMARY KEY, name text NOT NULL UNIQUE, quota int NOT NULL DEFAULT 100 CHECK (quota > 0), note varchar(80)
);
CREATE TABLE public.documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES public.tenants ON DELETE CASCADE,
    title text NOT NULL, body text NOT NULL, meta jsonb NOT NULL DEFAULT '{}', weight public.share, state public.state,
    words int GENERATED ALWAYS AS (length(body)) STORED, created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, title)
);
CREATE TABLE public.chunks (
    id bigserial PRIMARY KEY, document_id bigint NOT NULL REFERENCES public.documents ON DELETE CASCADE,
    tenant_id int NOT NULL REFERENCES public.tenants, place int NOT NULL, body text NOT NULL,
    embedding vector(16) NOT NULL
);
CREATE TABLE public.messages (
    id uuid PRIMARY KEY, tenant_id int NOT NULL REFERENCES public.tenants, asked text, raw bytea, cost numeric, at date
);
CREATE TABLE audit.log (at timestamptz, what text);
CREATE UNLOGGED TABLE public.answers (question text, answer text);
CREATE SEQUENCE public.tickets INCREMENT BY 5 START 100;

INSERT INTO public.tenants (name, quota, note)
    SELECT 'tenant ' || g, 50 * g, CASE WHEN g % 2 = 0 THEN 'Grüße aus Köln, ' || g END FROM generate_series(1, 6) g;
INSERT INTO public.documents (tenant_id, title, body, meta, weight, state, created_at)
    SELECT 1 + g % 6, 'document ' || g, 'What it says of matter ' || g || E':\n' || repeat('it is so, ', 1 + g % 17),
           jsonb_build_object('page', g, 'tags', ARRAY['a' || g % 3, 'ü']), (g % 100) / 100.0,
           (ARRAY['draft', 'live', 'archived'])[1 + g % 3]::public.state, timestamptz '2026-01-01 08:00Z' + g * interval '97 min'
    FROM generate_series(1, 200) g;
INSERT INTO public.chunks (document_id, tenant_id, place, body, embedding)
    SELECT d.id, d.tenant_id, p, 'part ' || p || ' of ' || d.title || E', as said by \\Q' || d.id * p || E'\\E',
           ARRAY(SELECT sin((d.id * 7.3 + p * 1.9) * k + k * k) FROM generate_series(1, 16) k)::vector
    FROM public.documents d CROSS JOIN generate_series(1, 6) p ORDER BY d.id, p;
INSERT INTO public.messages
    SELECT md5('m' || g)::uuid, 1 + g % 6, CASE WHEN g % 7 > 0 THEN 'who knows of ' || g || '?' END,
           decode(md5('r' || g), 'hex'), g / 7.0, date '2026-02-01' + g FROM generate_series(1, 150) g;
INSERT INTO audit.log SELECT timestamptz '2026-03-01 00:00Z' + g % 50 * interval '1 h', 'event ' || g % 50
    FROM generate_series(1, 120) g;
INSERT INTO public.answers SELECT 'q' || g, 'a' || g FROM generate_series(1, 9) g;
SELECT nextval('public.tickets') FROM generate_series(1, 4);

CREATE INDEX chunks_embedding_idx ON public.chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 12, ef_construction = 48);
CREATE INDEX chunks_tenant_idx ON public.chunks (tenant_id, document_id);
CREATE INDEX documents_body_idx ON public.documents USING gin (body gin_trgm_ops);
CREATE INDEX documents_live_idx ON public.documents (created_at DESC) WHERE state = 'live';

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO audit.log VALUES (now(), TG_OP || ' of ' || OLD.title); RETURN NEW; END$$;
CREATE TRIGGER touched AFTER UPDATE OF title ON public.documents FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE FUNCTION public.near(query vector, many int) RETURNS SETOF bigint LANGUAGE sql STABLE AS
    'SELECT id FROM public.chunks ORDER BY embedding <=> query LIMIT many';
CREATE VIEW public.live_documents WITH (security_barrier = true) AS
    SELECT id, tenant_id, title FROM public.documents WHERE state = 'live';
CREATE MATERIALIZED VIEW public.totals AS SELECT tenant_id, count(*) AS documents FROM public.documents GROUP BY 1;
CREATE RULE no_delete AS ON DELETE TO public.answers DO INSTEAD NOTHING;
CREATE AGGREGATE public.longest(text) (SFUNC = textcat, STYPE = text);
CREATE STATISTICS public.document_words (dependencies) ON tenant_id, state FROM public.documents;

ALTER TABLE public.chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE public.documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON public.chunks TO rag_app USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
CREATE POLICY by_tenant ON public.documents FOR SELECT TO rag_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
CREATE POLICY written_by_tenant ON public.documents FOR INSERT TO rag_app
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT USAGE ON SCHEMA public, audit TO rag_app;
GRANT SELECT, INSERT ON public.chunks, public.documents, public.tenants TO rag_app;
GRANT SELECT (id, tenant_id) ON public.messages TO rag_reader;
GRANT SELECT ON public.live_documents TO "Odd role";
GRANT USAGE ON SEQUENCE public.tickets TO rag_app;
REVOKE EXECUTE ON FUNCTION public.near FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.near TO rag_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO rag_reader;
COMMENT ON TABLE public.chunks IS 'pieces of documents with their embeddings';
COMMENT ON COLUMN public.chunks.embedding IS 'model all-minilm, 16 of its dimensions';
RESET ROLE;
SELECT lo_from_bytea(70001, decode(repeat('00ff10', 900), 'hex'));
ALTER TABLE public.chunks ALTER COLUMN body SET STATISTICS 200;
CREATE PUBLICATION everything FOR TABLE public.documents;
VACUUM ANALYZE;
CHECKPOINT;
