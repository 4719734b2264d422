-- name: create
CREATE TABLE {schema}.entries (
    stream  integer NOT NULL,
    number  bigint NOT NULL,
    written timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, number)
)

-- name: write
INSERT INTO {schema}.entries (stream, number) VALUES (%s, %s)

-- name: exists
SELECT to_regclass(%s) IS NOT NULL

-- name: read
SELECT stream, number FROM {schema}.entries
