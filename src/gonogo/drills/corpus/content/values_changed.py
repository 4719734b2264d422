"""As many rows, with other values."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    bodies_emptied="UPDATE chunks SET body = ''",
    one_body_emptied="UPDATE chunks SET body = '' WHERE document_id = {n} AND place = 2",
    a_letter_changed="UPDATE documents SET body = overlay(body placing 'X' from 3 for 1) WHERE id = {n}",
    texts_of_another_encoding="""UPDATE tenants SET note = convert_from(convert_to(note, 'UTF8'), 'LATIN1')
        WHERE note IS NOT NULL""",
    spaces_at_the_end="UPDATE documents SET title = title || ' ' WHERE id = {n}",
    empty_for_null="UPDATE messages SET asked = '' WHERE asked IS NULL",
    null_for_empty="UPDATE documents SET weight = NULL WHERE weight = 0",
    hours_shifted="UPDATE documents SET created_at = created_at + interval '1 h'",
    a_number_rounded="UPDATE messages SET cost = round(cost, 2)",
    a_scale_changed="UPDATE messages SET cost = cost::numeric(12, 10)",
    bytes_cut="UPDATE messages SET raw = substr(raw, 1, 15) WHERE tenant_id = 3",
    a_json_value="UPDATE documents SET meta = jsonb_set(meta, '{page}', '0') WHERE id = {n}",
    a_state="""UPDATE documents SET state = 'archived' WHERE id = {n} AND state <> 'archived' OR id = {m}""",
)
