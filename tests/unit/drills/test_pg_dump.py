"""What the pg_dump method decides without a server: memory for the index build, words for failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gonogo.core.facts import Facts, TableFacts
from gonogo.drills import METHODS, Artefact, Deferring, words
from gonogo.drills._pg_dump_defects import empty, index_built_carelessly, truncated_at_60_percent
from gonogo.drills.pg_dump import MIB, PgDumpParameters, maintenance_memory_bytes, waits_for_one_of
from gonogo.stacks.interfaces import ToolResult

GIB = 1024 * MIB


def facts(index_bytes: int | None, memory_bytes: int = 8 * GIB) -> Facts:
    table = TableFacts(name="chunks", rows=1, size_bytes=1, vector_index_bytes=index_bytes)
    return Facts(runtime="embedded", tables={"chunks": table}, host={"memory_bytes": str(memory_bytes)})


@pytest.mark.parametrize(
    ("index_bytes", "expected"),
    [
        (None, 64 * MIB),  # no vector index: the server's default
        (10 * MIB, 64 * MIB),
        (200 * MIB, 300 * MIB),  # the graph of 100,000 rows of 384 dimensions needs 230 MB
        (8 * GIB, 2 * GIB),  # never more than a quarter of the host
    ],
)
def test_the_index_build_gets_the_memory_that_its_graph_needs(index_bytes: int | None, expected: int) -> None:
    assert maintenance_memory_bytes(facts(index_bytes)) == expected


def test_the_named_indexes_and_what_needs_them_are_put_off() -> None:
    names = {"chunks_embedding_idx"}
    assert waits_for_one_of("3501; 1259 16480 INDEX public chunks_embedding_idx rag_owner", names)
    assert waits_for_one_of("3502; 0 0 INDEX ATTACH public chunks_embedding_idx rag_owner", names)
    assert waits_for_one_of("3502; 0 0 COMMENT public INDEX chunks_embedding_idx rag_owner", names)
    assert not waits_for_one_of("3502; 0 0 COMMENT public INDEX chunks_document_idx rag_owner", names)
    assert not waits_for_one_of("3502; 0 0 COMMENT public TABLE chunks_embedding_idx rag_owner", names)
    assert not waits_for_one_of("3503; 1259 16481 INDEX public chunks_document_idx rag_owner", names)


def test_a_tool_that_fails_silently_still_gives_a_sentence() -> None:
    silent = ToolResult(exit_code=3, stdout="", stderr="", seconds=0.1)
    assert words(silent) == "it said nothing (exit code 3)"
    loud = ToolResult(exit_code=1, stdout="", stderr="pg_restore: error:\n  out of disk", seconds=0.1)
    assert words(loud) == "pg_restore: error: out of disk (exit code 1)"


def test_other_formats_are_refused_when_the_file_is_read() -> None:
    with pytest.raises(ValidationError, match="custom"):
        PgDumpParameters(format="plain")  # type: ignore[arg-type]


def test_the_method_is_found_and_defers_its_indexes() -> None:
    method = METHODS.load("pg_dump")
    assert isinstance(method, Deferring)
    assert "truncated_at_60_percent" in method.artefact_defects()


def artefact(path: Path, content: bytes) -> Artefact:
    path.write_bytes(content)
    return Artefact(path=path, size_bytes=len(content), seconds=1.0, covers_until=0.0)


def test_defects_of_files_change_what_they_say(tmp_path: Path) -> None:
    whole = artefact(tmp_path / "dump", b"0123456789")
    cut = truncated_at_60_percent(None, whole, PgDumpParameters())  # type: ignore[arg-type]
    assert (cut.path.read_bytes(), cut.size_bytes) == (b"012345", 6)
    assert empty(None, whole, PgDumpParameters()).path.read_bytes() == b""  # type: ignore[arg-type]
    graph = artefact(tmp_path / "dump", b"WITH (m='24', ef_construction='128');")
    assert index_built_carelessly(None, graph, PgDumpParameters()).path.read_bytes() == (  # type: ignore[arg-type]
        b"WITH (m='02', ef_construction='004');"
    )
