"""A sequence stands elsewhere."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    behind="SELECT setval('chunks_id_seq', 17)",
    behind_by_one="SELECT setval('chunks_id_seq', 1199)",
    an_identity_behind="SELECT setval('documents_id_seq', 3)",
    a_free_one_behind="SELECT setval('tickets', 105)",
    never_called="SELECT setval('tenants_id_seq', 6, false)",
    ahead="SELECT setval('chunks_id_seq', 90000)",
    other_steps="ALTER SEQUENCE tickets INCREMENT BY 1",
    dropped="DROP SEQUENCE tickets",
    it_begins_again="ALTER SEQUENCE tickets MAXVALUE 500 CYCLE",
)
