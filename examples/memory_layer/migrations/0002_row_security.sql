-- Each row belongs to a tenant, and a transaction sees the rows of the tenant that it has named, or none.
-- FORCE binds the owner as well. After a transaction the setting is '' and not NULL: hence nullif.

DO $$
DECLARE
    tenant_table regclass;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['conversations', 'messages', 'chunks']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON %s'
            ' USING (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))'
            ' WITH CHECK (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))',
            tenant_table
        );
    END LOOP;
END
$$;
