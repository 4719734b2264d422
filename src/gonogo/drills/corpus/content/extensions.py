"""An extension, with all that stands on it, is not there."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    trigrams_gone="DROP EXTENSION pg_trgm CASCADE",
    vectors_gone="ALTER TABLE chunks DROP COLUMN embedding CASCADE; DROP EXTENSION vector CASCADE",
    one_more="CREATE EXTENSION citext",
)
