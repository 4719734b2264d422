"""What keeps wrong rows out is not there."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    a_foreign_key_dropped="ALTER TABLE chunks DROP CONSTRAINT chunks_document_id_fkey",
    a_foreign_key_that_deletes_nothing="""ALTER TABLE chunks DROP CONSTRAINT chunks_document_id_fkey;
        ALTER TABLE chunks ADD CONSTRAINT chunks_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents""",
    a_foreign_key_not_validated="""ALTER TABLE messages DROP CONSTRAINT messages_tenant_id_fkey;
        ALTER TABLE messages ADD CONSTRAINT messages_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants NOT
        VALID""",
    a_primary_key_dropped="ALTER TABLE messages DROP CONSTRAINT messages_pkey",
    a_unique_one_dropped="ALTER TABLE tenants DROP CONSTRAINT tenants_name_key",
    a_check_dropped="ALTER TABLE tenants DROP CONSTRAINT tenants_quota_check",
    a_check_changed="""ALTER TABLE tenants DROP CONSTRAINT tenants_quota_check;
        ALTER TABLE tenants ADD CONSTRAINT tenants_quota_check CHECK (quota > -1)""",
    a_check_of_a_domain_dropped="ALTER DOMAIN share DROP CONSTRAINT share_check",
    null_allowed="ALTER TABLE chunks ALTER COLUMN embedding DROP NOT NULL",
)
