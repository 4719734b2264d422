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
SELECT c.oid::regclass::text, s.seqincrement
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
), types AS (  -- those that were made for themselves
    SELECT t.* FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('d', 'e', 'r') OR t.typtype = 'b' AND t.typelem = 0 OR c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
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
    SELECT 'grants of type', oid::regtype::text, coalesce(typacl, acldefault('T', typowner)) FROM types
    UNION ALL
    SELECT 'grants of large object', oid::text, coalesce(lomacl, acldefault('L', lomowner)) FROM pg_largeobject_metadata
    UNION ALL
    SELECT 'grants of what is made later', concat_ws(' ', 'by', pg_get_userbyid(defaclrole), 'in ' || n.nspname,
           defaclobjtype::text), defaclacl
    FROM pg_default_acl d LEFT JOIN spaces n ON n.oid = d.defaclnamespace
    WHERE d.defaclnamespace = 0 OR n.oid IS NOT NULL
    UNION ALL
    SELECT 'grants of database', datname, coalesce(datacl, acldefault('d', datdba))
    FROM pg_database WHERE datname = current_database()
)
SELECT 'column' AS kind, a.attrelid::regclass::text || '.' || a.attname AS name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                 'generated ' || nullif(a.attgenerated::text, ''), 'identity ' || nullif(a.attidentity::text, ''),
                 'default ' || pg_get_expr(d.adbin, d.adrelid),
                 (SELECT 'collate ' || quote_ident(l.collname) FROM pg_collation l
                  WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
                 CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
                 'compression ' || nullif(to_jsonb(a) ->> 'attcompression', ''),
                 'statistics ' || nullif(a.attstattarget::text, '-1'),
                 -- pg_attver is the server's own counter: no dump carries it
                 (SELECT string_agg(o, ', ') FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_attver=%%')) AS definition
FROM pg_attribute a
JOIN relations c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_type t ON t.oid = a.atttypid
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
SELECT 'owner of function', oid::regprocedure::text, pg_get_userbyid(proowner) FROM routines
UNION ALL
SELECT 'owner of type', oid::regtype::text, pg_get_userbyid(typowner) FROM types
UNION ALL
SELECT 'owner of large object', oid::text, pg_get_userbyid(lomowner) FROM pg_largeobject_metadata
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

-- name: more_objects
-- What is easily forgotten: kind, name, definition.
WITH spaces AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT nspname = ANY (%(without)s)
), members AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT c.* FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM members)
), others AS (  -- one row for each thing of a kind that few databases have
    SELECT 'pg_cast'::regclass AS class, oid, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) AS text
    FROM pg_cast
    UNION ALL SELECT 'pg_collation'::regclass, oid, concat_ws(' ', collprovider, collcollate, collctype)
    FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, conproc::text FROM pg_conversion
    UNION ALL SELECT 'pg_operator'::regclass, oid, concat_ws(' ', oprcode, oprrest, oprjoin) FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcdefault::text FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, '' FROM pg_opfamily
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, '' FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictinitoption FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, '' FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, '' FROM pg_ts_template
    UNION ALL SELECT 'pg_language'::regclass, oid, concat_ws(' ', lanpltrusted, lanplcallfoid::regproc) FROM pg_language
    UNION ALL SELECT 'pg_am'::regclass, oid, amhandler::text FROM pg_am
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, array_to_string(fdwoptions, ', ')
    FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, array_to_string(srvoptions, ', ') FROM pg_foreign_server
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled)
    FROM pg_event_trigger
    UNION ALL SELECT 'pg_subscription'::regclass, oid, array_to_string(subpublications, ', ') FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
), said AS (  -- comments, and security labels
    SELECT classoid, objoid, objsubid, 'comment' AS kind, description AS text FROM pg_description
    UNION ALL SELECT classoid, objoid, 0, 'comment', description FROM pg_shdescription
    WHERE classoid = 'pg_database'::regclass
      AND objoid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT classoid, objoid, objsubid, 'security label', provider || ': ' || label FROM pg_seclabel
)
SELECT 'definition of table' AS kind, oid::regclass::text AS name,
       concat_ws(' ', CASE relkind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(oid) WHEN 'f' THEN 'foreign' END,
                 CASE WHEN relpersistence = 'u' THEN 'unlogged' END, 'part ' || pg_get_expr(relpartbound, oid),
                 'below ' || (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
                              FROM pg_inherits WHERE inhrelid = relations.oid),
                 'with ' || array_to_string(reloptions, ', '), 'replica identity ' || nullif(relreplident::text, 'd')) AS definition
FROM relations WHERE relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'definition of sequence', s.seqrelid::regclass::text,
       concat_ws(' ', format_type(s.seqtypid, NULL), 'by', s.seqincrement, 'from', s.seqstart, 'within', s.seqmin, s.seqmax,
                 CASE WHEN s.seqcycle THEN 'again and again' END, 'cached', s.seqcache,
                 CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END)
FROM pg_sequence s JOIN relations c ON c.oid = s.seqrelid
UNION ALL
SELECT 'rule', r.ev_class::regclass::text || '.' || r.rulename, pg_get_ruledef(r.oid) || ' (' || r.ev_enabled::text || ')'
FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM relations) AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'aggregate', p.oid::regprocedure::text,
       concat_ws(' ', a.aggkind, a.aggtransfn, format_type(a.aggtranstype, NULL), a.aggfinalfn, a.aggcombinefn,
                 'begins with ' || a.agginitval, nullif(a.aggsortop, 0)::regoperator, p.proparallel)
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN spaces n ON n.oid = p.pronamespace
WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT 'domain', t.oid::regtype::text,
       concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'not null' END,
                 'default ' || t.typdefault,
                 (SELECT string_agg(c.conname || ' ' || pg_get_constraintdef(c.oid), ', ' ORDER BY c.conname)
                  FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype <> 'n'))
FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT 'composite type', c.oid::regclass::text,
       (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM relations c WHERE c.relkind = 'c'
UNION ALL
SELECT 'range type', r.rngtypid::regtype::text, concat_ws(' ', r.rngsubtype::regtype, r.rngcanonical, r.rngsubdiff)
FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid JOIN spaces n ON n.oid = t.typnamespace
WHERE ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT 'statistics', concat_ws('.', quote_ident(n.nspname), quote_ident(x.stxname)),
       concat_ws(' ', pg_get_statisticsobjdef(x.oid), nullif(to_jsonb(x) ->> 'stxstattarget', '-1'))
FROM pg_statistic_ext x JOIN spaces n ON n.oid = x.stxnamespace
UNION ALL
SELECT 'publication', p.pubname,
       concat_ws(' ', CASE WHEN p.puballtables THEN 'all tables' END,
                 CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                 CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END,
                 'of ' || (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text)
                           FROM pg_publication_rel r WHERE r.prpubid = p.oid))
FROM pg_publication p
UNION ALL
SELECT 'owner of publication', pubname, pg_get_userbyid(pubowner) FROM pg_publication
UNION ALL
SELECT 'owner of statistics', concat_ws('.', quote_ident(n.nspname), quote_ident(x.stxname)), pg_get_userbyid(x.stxowner)
FROM pg_statistic_ext x JOIN spaces n ON n.oid = x.stxnamespace
UNION ALL
SELECT 'large object', m.oid::text,
       (SELECT concat(count(*), ' pages, ',
                      sum(hashint8extended(l.pageno, hashtextextended(encode(l.data, 'hex') COLLATE "C", 0))))
        FROM pg_largeobject l WHERE l.loid = m.oid AND btrim(l.data, '\000') <> '')
FROM pg_largeobject_metadata m
UNION ALL
SELECT 'locale of database', d.datname,
       concat_ws(' ', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
                 to_jsonb(d) ->> 'datlocprovider', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'))
FROM pg_database d WHERE d.datname = current_database()
UNION ALL
SELECT i.type, i.identity, o.text
FROM others o CROSS JOIN LATERAL pg_identify_object(o.class, o.oid, 0) i
WHERE o.oid >= 16384 AND (o.class::oid, o.oid) NOT IN (SELECT classid, objid FROM members)
  AND (i.schema IS NULL OR NOT i.schema = ANY (%(without)s))
UNION ALL
SELECT s.kind, i.type || ' ' || i.identity, s.text
FROM said s CROSS JOIN LATERAL pg_identify_object(s.classoid, s.objoid, s.objsubid) i
WHERE s.objoid >= 16384 AND (s.classoid, s.objoid) NOT IN (SELECT classid, objid FROM members)
  AND (i.schema IS NULL OR NOT i.schema = ANY (%(without)s))
ORDER BY 1, 2
