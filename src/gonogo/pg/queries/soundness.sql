-- name: invalid_indexes
SELECT i.indexrelid::regclass::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i' ORDER BY 1

-- name: indexes
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'

-- name: not_validated
SELECT conrelid::regclass::text || '.' || quote_ident(conname)
FROM pg_constraint WHERE NOT convalidated AND conrelid <> 0 ORDER BY 1

-- name: owned_sequences
-- Sequences that give a column its values; `column_` is quoted.
SELECT s.seqrelid::regclass::text AS name, d.refobjid::regclass::text AS table_, quote_ident(a.attname) AS column_,
       s.seqincrement < 0 AS descending
FROM pg_sequence s
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
                AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_type t ON t.oid = a.atttypid AND t.typname IN ('int2', 'int4', 'int8')
ORDER BY 1

-- name: tables_to_check
SELECT c.oid, c.oid::regclass::text
FROM pg_class c JOIN pg_am m ON m.oid = c.relam AND m.amname = 'heap'
WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't' ORDER BY 1

-- name: btrees_to_check
SELECT c.oid, c.oid::regclass::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid AND i.indisready ORDER BY 1

-- name: vector_indexes
-- `column_` and `operator` are as SQL spells them; both are NULL for an index on an expression.
SELECT i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS table_, m.amname::text AS method,
       quote_ident(a.attname) AS column_, i.indpred IS NOT NULL AS partial, i.indisvalid AS valid,
       (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
        FROM pg_amop p JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
        WHERE p.amopfamily = k.opcfamily AND p.amoppurpose = 'o' LIMIT 1) AS operator,
       coalesce((SELECT split_part(o, '=', 2)::int FROM unnest(c.reloptions) o WHERE o LIKE 'lists=%'), 100) AS lists,
       greatest(t.reltuples, 0)::bigint AS rows
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am m ON m.oid = c.relam AND m.amname IN ('hnsw', 'ivfflat')
JOIN pg_opclass k ON k.oid = i.indclass[0]
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND i.indkey[0] > 0
WHERE c.relkind = 'i'
ORDER BY 1

-- name: others_of_its_table
-- Indexes of the same table beside the given one that can be dropped by themselves.
SELECT o.indexrelid::regclass::text
FROM pg_index i
JOIN pg_index o ON o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid
WHERE i.indexrelid = %s::text::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = o.indexrelid)
  AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = o.indexrelid)

-- name: databases
SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1

-- name: unlogged_tables
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u'

-- name: goes_on
-- Since 0.8 a search can go on to the end of a graph; a setting that nothing has defined is not among these.
SELECT true FROM pg_settings WHERE name = 'hnsw.iterative_scan'

-- name: sorts_otherwise
-- Whether this host sorts texts otherwise than the one that the files come from; it takes PostgreSQL 15 to know.
SELECT datcollversion <> pg_database_collation_actual_version(oid)
FROM pg_database WHERE datname = current_database() AND datcollversion IS NOT NULL
