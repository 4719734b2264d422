-- name: relations
SELECT relid::oid, c.relname
FROM (SELECT relid FROM pg_partition_tree(to_regclass(%(table)s)) UNION SELECT to_regclass(%(table)s)) AS family (relid)
JOIN pg_class c ON c.oid = relid

-- name: vector_indexes
SELECT ic.relname AS name, oc.opcname AS operator_class,
       (SELECT array_agg(DISTINCT o.oprname::text) FROM pg_amop a JOIN pg_operator o ON o.oid = a.amopopr
        WHERE a.amopfamily = oc.opcfamily AND a.amoppurpose = 'o') AS operators
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_am am ON am.oid = ic.relam
JOIN pg_opclass oc ON oc.oid = i.indclass[0]
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND am.amname IN ('hnsw', 'ivfflat') AND i.indisvalid AND i.indisready
ORDER BY ic.relname

-- name: role_bypasses
SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %(role)s

-- name: column_place
SELECT attrelid::bigint, attnum::int FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attname = %(column)s AND NOT attisdropped

-- name: stored_columns
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
