"""Other people's database under the same name."""

from __future__ import annotations

from gonogo.drills.corpus.variants import Variants

CONTENT = Variants(
    a_shop="""DROP SCHEMA audit CASCADE;
        DROP OWNED BY rag_owner CASCADE;
        CREATE TABLE orders (id int PRIMARY KEY, what text);
        INSERT INTO orders SELECT g, 'thing ' || g FROM generate_series(1, 500) g""",
    a_table_missing="DROP TABLE messages",
    one_more_table="CREATE TABLE notes (id int, what text)",
    a_table_renamed="ALTER TABLE messages RENAME TO questions",
    in_another_schema="ALTER TABLE messages SET SCHEMA audit",
)
