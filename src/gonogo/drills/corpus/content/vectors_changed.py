"""The embeddings are not those of their texts."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    two_swapped="""UPDATE chunks c SET embedding = (SELECT embedding FROM chunks o WHERE o.place = c.place AND
        o.document_id = {n} + {m} - c.document_id) WHERE document_id IN ({n}, {m})""",
    all_shifted_by_one="""UPDATE chunks c SET embedding = o.embedding FROM chunks o WHERE o.id = c.id % 1200 + 1""",
    one_bit="""UPDATE chunks SET embedding = (SELECT array_agg(CASE WHEN k = 5 THEN (x * (1 + 1.2e-7))::real
        ELSE x END ORDER BY k)::vector FROM unnest(embedding::real[]) WITH ORDINALITY AS u (x, k)) WHERE document_id
        = {n} AND place = 1""",
    rounded="""UPDATE chunks SET embedding = (SELECT array_agg(round(x::numeric, 3)::real ORDER BY k)::vector
        FROM unnest(embedding::real[]) WITH ORDINALITY AS u (x, k))""",
    of_half_precision="UPDATE chunks SET embedding = embedding::halfvec::vector",
    signs_turned="""UPDATE chunks SET embedding = (SELECT array_agg(-x ORDER BY k)::vector FROM
        unnest(embedding::real[]) WITH ORDINALITY AS u (x, k)) WHERE document_id = {n}""",
    zeros="""UPDATE chunks SET embedding = array_fill(0, ARRAY[16])::vector WHERE document_id = {n}""",
)
