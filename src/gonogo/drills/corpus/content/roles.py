"""Roles are otherwise: what a dump of a database does not carry, and a base backup does."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    one_sees_all_rows="ALTER ROLE rag_app BYPASSRLS",
    one_is_superuser="ALTER ROLE rag_app SUPERUSER",
    one_cannot_log_in="ALTER ROLE rag_app NOLOGIN",
    a_membership_lost="REVOKE rag_reader FROM rag_app",
    a_setting_of_a_role="ALTER ROLE rag_app SET statement_timeout = '1s'",
    one_more="CREATE ROLE stranger LOGIN",
)
