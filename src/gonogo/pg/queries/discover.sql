-- name: server
SELECT current_setting('server_version') AS version,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       pg_database_size(current_database()) AS size_bytes

-- name: system_identifier_forbidden
SELECT current_setting('server_version') AS version, NULL AS system_identifier, pg_database_size(current_database()) AS size_bytes

-- name: settings
SELECT name, current_setting(name) FROM pg_settings
WHERE name = ANY (ARRAY['max_connections', 'shared_buffers', 'maintenance_work_mem', 'work_mem', 'effective_cache_size',
                        'synchronous_commit', 'synchronous_standby_names', 'wal_level', 'archive_mode', 'archive_command',
                        'archive_timeout', 'data_checksums', 'fsync', 'full_page_writes', 'hnsw.ef_search',
                        'hnsw.iterative_scan', 'ivfflat.probes', 'statement_timeout', 'server_version'])

-- name: extensions
SELECT extname, extversion FROM pg_extension

-- name: vector_columns
SELECT c.oid::regclass::text || '.' || quote_ident(a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
WHERE t.typname IN ('vector', 'halfvec', 'sparsevec') AND c.relkind IN ('r', 'p', 'm', 'f')
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1 LIMIT 20

-- name: row_security
SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p') ORDER BY 1 LIMIT 20

-- name: streaming
SELECT coalesce(application_name, 'a standby') FROM pg_stat_replication
WHERE application_name IS DISTINCT FROM 'pg_basebackup' ORDER BY 1 LIMIT 20

-- name: table
SELECT c.oid::regclass::text AS name,
       (SELECT sum(pg_total_relation_size(relid))::bigint  -- a partitioned table has no size of its own
        FROM (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) AS tree) AS size_bytes,
       coalesce((SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))
                 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
                 WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS primary_key
FROM pg_class c WHERE c.oid = to_regclass(%(table)s)

-- name: estimate
SELECT coalesce(sum(reltuples) FILTER (WHERE reltuples > 0), 0)::bigint FROM pg_class
WHERE relkind <> 'p' AND (oid = to_regclass(%(table)s) OR oid IN (SELECT relid FROM pg_partition_tree(to_regclass(%(table)s))))

-- name: column
SELECT format_type(atttypid, atttypmod) AS type, NULLIF(atttypmod, -1) AS dimensions
FROM pg_attribute WHERE attrelid = to_regclass(%(table)s) AND attname = %(column)s AND attnum > 0 AND NOT attisdropped

-- name: vector_index
SELECT ic.relname AS name, ic.oid::regclass::text AS qualified, am.amname AS method, oc.opcname AS operator_class,
       (SELECT nullif(sum(pg_relation_size(relid)), 0)::bigint
        FROM (SELECT ic.oid AS relid UNION SELECT relid FROM pg_partition_tree(ic.oid)) AS tree) AS size_bytes
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_am am ON am.oid = ic.relam
JOIN pg_opclass oc ON oc.oid = i.indclass[0]
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass(%(table)s) AND a.attname = %(column)s AND am.amname IN ('hnsw', 'ivfflat')
  AND i.indisvalid AND i.indisready
ORDER BY ic.relname LIMIT 1
