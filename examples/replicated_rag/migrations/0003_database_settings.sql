-- Defaults for every session of this database; an administrator can override them for a role.

-- Using the type loads the library, which makes its settings known: only then may the owner set them.
SELECT '[1]'::vector;

DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        -- No statement, lock or forgotten transaction may hold others up for long.
        'statement_timeout = ''10s''',
        'lock_timeout = ''3s''',
        'idle_in_transaction_session_timeout = ''15s''',
        -- A filtered nearest-neighbour query goes on until it has enough rows of its tenant.
        'hnsw.iterative_scan = ''relaxed_order''',
        'hnsw.ef_search = 200'
    ] LOOP
        EXECUTE format('ALTER DATABASE %I SET %s', current_database(), setting);
    END LOOP;
END
$$;
