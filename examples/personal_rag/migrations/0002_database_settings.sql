-- Defaults for every session of this database: no statement, lock or forgotten transaction holds others up for long.

DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'statement_timeout = ''10s''',
        'lock_timeout = ''3s''',
        'idle_in_transaction_session_timeout = ''15s'''
    ] LOOP
        EXECUTE format('ALTER DATABASE %I SET %s', current_database(), setting);
    END LOOP;
END
$$;
