"""Which of the logged statements is the search, and what was set for it."""

from __future__ import annotations

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.pg.capture import Captured, searches
from gonogo.pg.replay import sets_tenant, with_tenant, with_vector
from gonogo.pg.statements import Statement, parameters_of, statement_of

SEARCH = "SELECT id FROM chunks ORDER BY embedding <=> $1::vector LIMIT $2"


def logged(text: str, *parameters: str | None, session: str = "s1") -> Statement:
    return Statement(session=session, role="app", statement=text, parameters=parameters)


def only(statements: list[Statement], table: str = "chunks") -> Captured:
    (found,) = searches(statements, table)
    return found


def test_a_search_orders_by_a_distance_and_mentions_the_table() -> None:
    others = [
        logged("SELECT embedding <=> $1 FROM chunks", "[1]"),
        logged("SELECT id FROM other_chunks ORDER BY embedding <=> $1", "[1]"),
        logged("SELECT id FROM chunks ORDER BY id"),
    ]
    assert searches(others, "chunks") == []
    found = only([*others, logged(SEARCH, "[0.5,-1]", "10")])
    assert (found.operator, found.vector) == ("<=>", "[0.5,-1]")


def test_a_quoted_and_qualified_table_is_recognised() -> None:
    assert only([logged(SEARCH.replace("chunks", '"rag"."chunks"'), "[1]", "5")], '"rag"."chunks"').operator == "<=>"


def test_a_vector_inside_the_statement_is_read_too() -> None:
    assert only([logged("SELECT id FROM chunks ORDER BY e <-> '[1,2]' LIMIT 3")]).vector == "[1,2]"


@pytest.mark.parametrize(
    ("text", "parameters", "vector"),
    [
        ("SELECT id FROM chunks ORDER BY e <=> $1::float8[]::vector LIMIT $2", ("{0.5,-1e-05}", "10"), "{0.5,-1e-05}"),
        ("SELECT id FROM chunks ORDER BY e <=> '{0.5,1}'::float8[]::vector LIMIT 3", (), "{0.5,1}"),
        ("SELECT id FROM chunks WHERE id = ANY($1) ORDER BY e <=> $2", ("{17,18,19,20,21}", "{0.5,1}"), "{0.5,1}"),
        ("SELECT tags[1] FROM chunks ORDER BY e <=> '{0.5,1}'::real[]::vector", (), "{0.5,1}"),
        ("SELECT id FROM chunks WHERE meta @> $1 ORDER BY e <=> embed($2)", ('{"a": [true]}', "what?"), None),
    ],
)
def test_a_vector_sent_as_an_array_is_read(text: str, parameters: tuple[str, ...], vector: str | None) -> None:
    assert only([logged(text, *parameters)]).vector == vector


def test_the_prelude_is_what_the_same_session_set_in_the_same_transaction() -> None:
    found = only(
        [
            logged("SET LOCAL app.tenant = 'before'"),
            logged("COMMIT"),
            logged("BEGIN"),
            logged("SELECT set_config('app.tenant', $1, true)", "acme"),
            logged("SELECT set_config('app.tenant', $1, true)", "other", session="s2"),
            logged("SELECT 1"),
            logged(SEARCH, "[1]", "10"),
        ]
    )
    assert [one.parameters for one in found.prelude] == [("acme",)]
    assert found.lasting == ()


def test_what_was_set_for_the_session_before_the_transaction_lasts() -> None:
    found = only([logged("SET app.tenant = 'acme'"), logged("BEGIN"), logged(SEARCH, "[1]", "10")])
    assert [one.statement for one in found.lasting] == ["SET app.tenant = 'acme'"]
    reset = only([logged("SET a.b = 'c'"), logged("DISCARD ALL"), logged("BEGIN"), logged(SEARCH, "[1]", "10")])
    assert reset.lasting == ()


def test_the_aftermath_is_what_cleans_the_session_up_before_its_next_transaction() -> None:
    found = only(
        [
            logged(SEARCH, "[1]", "10"),
            logged("SET LOCAL a.b = 'c'"),
            logged("COMMIT"),
            logged("RESET app.tenant"),
            logged("DISCARD ALL", session="s2"),
            logged("BEGIN"),
            logged("RESET ALL"),
        ]
    )
    assert [one.statement for one in found.aftermath] == ["RESET app.tenant"]


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SET LOCAL app.tenant = 'acme'", ()),
        ("SELECT set_config('app.tenant', 'acme', true)", ()),
        ("SELECT set_config('app.tenant', $1, $2)", ("acme", "t")),
    ],
)
def test_what_is_local_to_an_earlier_transaction_is_gone(statement: str, parameters: tuple[str, ...]) -> None:
    assert only([logged(statement, *parameters), logged("BEGIN"), logged(SEARCH, "[1]", "10")]).lasting == ()


def test_another_vector_replaces_the_parameter_or_the_text() -> None:
    assert with_vector(only([logged(SEARCH, "[1,2]", "10")]), "[3,4]").parameters == ("[3,4]", "10")
    inline = only([logged("SELECT id FROM chunks ORDER BY e <-> '[1,2]'")])
    assert with_vector(inline, "[3,4]").statement == "SELECT id FROM chunks ORDER BY e <-> '[3,4]'"
    spaced = only([logged(SEARCH, " [1, 2] ", "10")])
    assert with_vector(spaced, "[3,4]").parameters == (" [3,4] ", "10")


def test_an_array_is_replaced_by_an_array() -> None:
    assert with_vector(only([logged(SEARCH, "{1,2}", "10")]), "[3,4]").parameters == ("{3,4}", "10")
    inline = only([logged("SELECT id FROM chunks ORDER BY e <-> '{1,2}'::float8[]::vector")])
    assert with_vector(inline, "[3,4]").statement == "SELECT id FROM chunks ORDER BY e <-> '{3,4}'::float8[]::vector"


def test_a_search_without_a_vector_is_never_sent_with_another() -> None:
    with pytest.raises(NotMeasurable, match="no query vector"):
        with_vector(only([logged("SELECT id FROM chunks ORDER BY e <=> embed($1)", "what?")]), "[3,4]")


def test_another_tenant_replaces_the_one_that_was_set() -> None:
    found = only(
        [
            logged("SELECT set_config('app.tenant', $1, true)", "o'neil"),
            logged("SET LOCAL a.b = 'o''neil'"),
            logged(SEARCH, "[1]"),
        ]
    )
    assert sets_tenant(found, "o'neil")
    changed = with_tenant(found, "o'neil", "")
    assert [(one.statement, one.parameters) for one in changed.prelude] == [
        ("SELECT set_config('app.tenant', $1, true)", ("",)),
        ("SET LOCAL a.b = ''", ()),
    ]
    assert not sets_tenant(changed, "o'neil")


def test_parameters_keep_quotes_commas_and_what_looks_like_parameters() -> None:
    assert parameters_of("Parameters: $1 = 'it''s, $2 = ''x''', $2 = NULL, $3 = ''") == ("it's, $2 = 'x'", None, "")


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[]",
        b'{"message": "connection received"}',
        b'{"message": "duration: 1.0 ms  parse <unnamed>: SELECT 1"}',
        b'{"message": "duration: 1.0 ms  bind <unnamed>: SELECT 1"}',
    ],
)
def test_lines_about_anything_else_are_no_statements(line: bytes) -> None:
    assert statement_of(line) is None
