"""What keeps tenants apart is not there."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    a_policy_open_to_all="ALTER POLICY by_tenant ON chunks USING (true)",
    a_policy_dropped="DROP POLICY by_tenant ON chunks",
    all_policies_dropped="""DROP POLICY by_tenant ON chunks;
        DROP POLICY by_tenant ON documents;
        DROP POLICY written_by_tenant ON documents""",
    a_policy_for_everybody="ALTER POLICY by_tenant ON documents TO PUBLIC",
    a_second_policy="CREATE POLICY more ON chunks TO rag_app USING (true)",
    a_check_opened="ALTER POLICY written_by_tenant ON documents WITH CHECK (true)",
    disabled="ALTER TABLE chunks DISABLE ROW LEVEL SECURITY",
    not_forced="ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY",
    a_view_without_barrier="ALTER VIEW live_documents RESET (security_barrier)",
)
