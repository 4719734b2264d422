-- name: settings
-- Text forms of values must not depend on whom the session belongs to; workers at no price halve the time.
SELECT set_config(name, value, true)
FROM (VALUES ('search_path', 'pg_catalog'), ('timezone', 'UTC'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
             ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('row_security', 'off'), ('parallel_setup_cost', '0'))
     AS wanted (name, value)

-- name: checks_itself
SELECT to_regprocedure('pg_catalog.crc32c(bytea)') IS NOT NULL

-- name: columns_of_tables
-- Tables with rows of their own. Those of an extension belong to the extension; a materialized view is made anew.
SELECT c.oid::regclass::text AS name, a.attname::text AS attribute, t.typname::text AS type_name,
       t.typsend::oid::regprocedure::text AS send, tn.nspname::text AS type_schema,
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
               AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'vector')) AS of_pgvector
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT n.nspname = ANY (%(without)s)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, a.attname

-- name: sequences
SELECT c.oid::regclass::text, s.seqincrement < 0
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND NOT n.nspname = ANY (%(without)s)
ORDER BY 1

-- name: objects
-- Everything that has a definition: kind, name, definition.
WITH spaces AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT nspname = ANY (%(without)s)
), relations AS (
    SELECT c.* FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), routines AS (
    SELECT p.* FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), grants AS (
    SELECT 'grants of table' AS kind, oid::regclass::text AS name,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) AS acl
    FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'grants of column', attrelid::regclass::text || '.' || attname, attacl
    FROM pg_attribute WHERE attrelid IN (SELECT oid FROM relations) AND attacl IS NOT NULL AND NOT attisdropped
    UNION ALL
    SELECT 'grants of schema', n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner))
    FROM pg_namespace n JOIN spaces USING (oid)
    UNION ALL
    SELECT 'grants of function', oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) FROM routines
    UNION ALL
    SELECT 'grants of database', datname, coalesce(datacl, acldefault('d', datdba))
    FROM pg_database WHERE datname = current_database()
)
SELECT 'column' AS kind, a.attrelid::regclass::text || '.' || a.attname AS name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                 'generated ' || nullif(a.attgenerated::text, ''), 'identity ' || nullif(a.attidentity::text, ''),
                 'default ' || pg_get_expr(d.adbin, d.adrelid)) AS definition
FROM pg_attribute a
JOIN relations c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass::text || '.' || conname,
       pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' (not validated)' END
FROM pg_constraint WHERE conrelid IN (SELECT oid FROM relations) AND contype <> 'n'
UNION ALL
SELECT 'index', i.indexrelid::regclass::text,
       pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE ' (invalid)' END
FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM relations)
UNION ALL
SELECT 'row security of table', oid::regclass::text,
       concat_ws(', ', CASE WHEN relrowsecurity THEN 'enabled' ELSE 'disabled' END,
                 CASE WHEN relforcerowsecurity THEN 'forced' END)
FROM relations WHERE relkind IN ('r', 'p')
UNION ALL
SELECT 'policy', p.polrelid::regclass::text || '.' || p.polname,
       concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'for', p.polcmd::text, 'to',
                 (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r) END, ', ' ORDER BY r)
                  FROM unnest(p.polroles) r),
                 'using ' || pg_get_expr(p.polqual, p.polrelid),
                 'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM relations)
UNION ALL
SELECT 'trigger', t.tgrelid::regclass::text || '.' || t.tgname, pg_get_triggerdef(t.oid) || ' (' || t.tgenabled::text || ')'
FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT oid FROM relations)
UNION ALL
SELECT 'view', oid::regclass::text, pg_get_viewdef(oid) || coalesce(' with ' || array_to_string(reloptions, ', '), '')
       || CASE WHEN relispopulated THEN '' ELSE ' (not populated)' END
FROM relations WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid) FROM routines WHERE prokind IN ('f', 'p')
UNION ALL
SELECT 'enumeration', t.oid::regtype::text, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.oid
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT 'owner of table', oid::regclass::text, pg_get_userbyid(relowner)
FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'owner of schema', n.nspname, pg_get_userbyid(n.nspowner) FROM pg_namespace n JOIN spaces USING (oid)
UNION ALL
SELECT 'owner of database', datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
UNION ALL
SELECT g.kind, g.name,
       coalesce((SELECT string_agg(format('%%s to %%s%%s', x.privilege_type,
                                          CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END,
                                          CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END),
                                   ', ' ORDER BY pg_get_userbyid(x.grantee), x.privilege_type)
                 FROM aclexplode(g.acl) x), 'nothing')
FROM grants g
UNION ALL
SELECT 'setting', concat_ws(' ', 'of', CASE WHEN s.setdatabase <> 0 THEN 'database ' || current_database() END,
                            CASE WHEN s.setrole <> 0 THEN 'role ' || pg_get_userbyid(s.setrole) END,
                            split_part(entry, '=', 1)), substr(entry, strpos(entry, '=') + 1)
FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) entry
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1, 2
