-- name: server
-- What the database stands on; none of it is part of a logical dump.
SELECT 'database', current_database()::text
UNION ALL SELECT 'version', current_setting('server_version')
UNION ALL SELECT 'data_checksums', current_setting('data_checksums')
UNION ALL SELECT 'encoding', pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'collation', datcollate FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'character_type', datctype FROM pg_database WHERE datname = current_database()

-- name: roles
SELECT r.rolname::text,
       concat_ws(', ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolbypassrls THEN 'bypasses row security' END,
                 CASE WHEN rolcanlogin THEN 'may log in' END, CASE WHEN rolreplication THEN 'replicates' END,
                 CASE WHEN rolcreatedb THEN 'creates databases' END, CASE WHEN rolcreaterole THEN 'creates roles' END,
                 'member of ' || (SELECT string_agg(g.rolname::text, ' and ' ORDER BY g.rolname)
                                  FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid))
FROM pg_roles r WHERE r.rolname !~ '^pg_'
