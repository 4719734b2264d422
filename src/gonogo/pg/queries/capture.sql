-- name: position
SELECT path, (pg_stat_file(path)).size FROM (SELECT pg_current_logfile('jsonlog')) AS current (path)

-- name: read
SELECT pg_read_binary_file(%(path)s, %(offset)s, %(length)s, true)

-- name: overridden
SELECT name, setting FROM pg_file_settings
WHERE sourcefile LIKE '%%/postgresql.auto.conf' AND name = ANY (%(names)s) AND error IS NULL

-- name: in_effect
SELECT count(*) FROM pg_settings WHERE (name, setting) IN (SELECT * FROM unnest(%(names)s::text[], %(values)s::text[]))

-- name: reload
SELECT pg_reload_conf()
