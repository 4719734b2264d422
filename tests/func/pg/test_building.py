"""What an index build needs: its memory as the server tells it, its time projected and held against a real build."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gonogo.core.deadline import Deadline
from gonogo.pg.building import needs_of
from gonogo.pg.sessions import session
from gonogo.pg.soundness import vector_indexes
from gonogo.stacks.interfaces import ScratchRequest

if TYPE_CHECKING:
    from tests.func.conftest import Running

ROWS = 3000
CONTENT = f"""
CREATE EXTENSION vector;
CREATE TABLE notes (id int, embedding vector(16));
INSERT INTO notes
    SELECT i, ARRAY(SELECT sin(i * d) FROM generate_series(1, 16) d)::vector FROM generate_series(1, {ROWS}) i;
CREATE INDEX notes_embedding ON notes USING hnsw (embedding vector_l2_ops) WITH (m = 12);
ANALYZE notes;
"""
MIB = 2**20
TOLERANCE = 6.0  # others keep the host busy now and then: the order of magnitude is what is shown


def test_memory_and_time_of_a_build_are_what_a_build_needs(reference_stack: Running) -> None:
    request = ScratchRequest(name="building")
    with (
        reference_stack.stack.scratch_postgres(request, Deadline.after(120)) as server,
        session(server.dsn()) as connection,
    ):
        connection.execute(CONTENT.encode())
        (index,) = vector_indexes(connection)
        needs = needs_of(connection, index, memory_bytes=64 * MIB, workers=1, budget_seconds=30)
        assert needs is not None
        memory, projection = needs.memory_bytes(ROWS), needs.time(ROWS)
        assert memory is not None
        assert projection is not None
        notices: list[str] = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("SET max_parallel_maintenance_workers = 0")
        for share, fits in ((0.9, False), (1.25, True)):
            notices.clear()
            connection.execute(f"SET maintenance_work_mem = '{int(memory * share / 1024)}kB'")
            began = time.monotonic()
            connection.execute("REINDEX INDEX notes_embedding")
            seconds = time.monotonic() - began
            assert (not any("no longer fits" in one for one in notices)) is fits
        assert projection.low <= projection.seconds <= projection.high
        assert projection.seconds / TOLERANCE < seconds < projection.seconds * TOLERANCE
        there = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'gonogo%'").fetchone()
        assert there == (0,)
