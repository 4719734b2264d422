"""The database sorts otherwise."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    another_collation="UPDATE pg_database SET datcollate = 'C.UTF-8' WHERE datname = 'rag'",
    another_character_type="UPDATE pg_database SET datctype = 'C.UTF-8' WHERE datname = 'rag'",
    both="""UPDATE pg_database SET datcollate = 'C.UTF-8', datctype = 'C.UTF-8' WHERE datname = 'rag'""",
)
