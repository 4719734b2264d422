"""The drill of the nightly dump, end to end on the reference stack."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.errors import HarnessError, NotMeasurable
from gonogo.core.finding import Expectation
from gonogo.core.observation import Observation
from gonogo.core.outcome import Outcome
from gonogo.drills import METHODS, Deferring, RestoreFailed
from gonogo.drills.pg_dump import PgDumpParameters
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.pg.fingerprint import compare
from gonogo.pg.sessions import session
from gonogo.runners import baseline
from gonogo.runners import drill as drill_runner
from gonogo.runners.baseline import fingerprint_of
from gonogo.runners.drill import check_disk_space, refuse_source, run_drill
from gonogo.runners.drill_report import exposure
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.interfaces import ScratchRequest
from gonogo.stacks.scale import data_share
from gonogo.stacks.searching import ask

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

ID = "restore_drills/pg_dump_custom"


def drilled(running: Running, **options: Any) -> Kept:
    context, recorder = running.context(ID, seconds=400)
    run_drill(context, running.inputs.verifications[ID].spec, **options)
    return recorder


def outcomes(running: Running, kept: Kept) -> dict[str, Outcome]:
    expectations = resolved_expectations(running.inputs.verifications[ID], running.inputs.objectives)
    return {one.observation: judge_expectation(one, kept.observations, None).outcome for one in expectations}


def one(kept: Kept, name: str, subject: str = "") -> Observation:
    (found,) = [entry for entry in kept.observations if entry.name == name and entry.subject == subject]
    return found


def test_a_good_dump_comes_back_whole_and_is_measured(reference_stack: Running) -> None:
    source = reference_stack.stack.postgres()
    before = fingerprint_of(source)
    kept = drilled(reference_stack)

    assert set(outcomes(reference_stack, kept).values()) == {Outcome.PASS}
    phases = {
        entry.subject: entry.value
        for entry in kept.observations
        if entry.name == "phase_seconds" and isinstance(entry.value, float)
    }
    assert list(phases)[:4] == ["provision", "schema", "data", "keys and policies"]
    assert kept.value("rto") == pytest.approx(sum(phases.values()), abs=1e-9)
    assert 0 < kept.value("rto_degraded") < kept.value("rto")
    assert kept.value("index_build_share") == pytest.approx(phases["vector indexes"] / kept.value("rto"))
    assert one(kept, "fingerprints_differ").n is not None
    assert (one(kept, "unreadable_relations").n or 0) > 1000
    assert kept.value("exposed_rpo") == pytest.approx(24 * 3600 + 20 * 60)

    lost = kept.value("acknowledged_rows_lost")
    assert lost > 0, "writes went on after the snapshot of the dump"
    assert 0.5 <= kept.value("rpo") < 120
    assert kept.value("unexpected_rows") == 0

    (timeline,) = kept.timelines
    assert [span.name for span in timeline.spans][:2] == ["backup", "provision"]
    assert {mark.name for mark in timeline.marks} == {"disaster", "rto_degraded", "rto"}
    assert compare(before, fingerprint_of(source)) == (), "the source is left as it was"
    assert leftovers(reference_stack) == []


def leftovers(running: Running) -> list[str]:
    return [path.name for path in running.stack.scratch.iterdir() if path.name.startswith(("drill-", "restored-"))]


def test_a_truncated_dump_is_not_restored_and_the_tool_says_why(reference_stack: Running) -> None:
    kept = drilled(reference_stack, artefact_defect="truncated_at_60_percent")
    assert kept.value("restored") is False
    assert "pg_restore" in one(kept, "restored").detail
    found = outcomes(reference_stack, kept)
    assert (found["restored"], found["rto"], found["fingerprints_differ"]) == (
        Outcome.FAIL,
        Outcome.UNKNOWN,
        Outcome.UNKNOWN,
    )
    assert leftovers(reference_stack) == []


@contextmanager
def beating(dsn: str) -> Iterator[None]:
    """Something that writes a row ten times a second, whoever asks."""
    ended = threading.Event()

    def beat() -> None:
        with session(dsn) as connection:
            while not ended.wait(0.1):
                connection.execute("INSERT INTO heartbeat DEFAULT VALUES")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_an_application_that_writes_down_what_it_is_asked_and_a_heartbeat_leave_the_rest_to_be_judged(
    reference_stack: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = reference_stack.stack.postgres().dsn()

    def asking(*given: Any, **options: Any) -> Any:
        answered = ask(*given, **options)
        with session(dsn) as connection:
            connection.execute("INSERT INTO query_log SELECT generate_series(1, %s)", [len(answered)])
        return answered

    monkeypatch.setattr(baseline, "ask", asking)
    with session(dsn) as connection:
        connection.execute("CREATE TABLE query_log (hit int)")
        connection.execute("CREATE TABLE heartbeat (at timestamptz DEFAULT clock_timestamp())")
    try:
        with beating(dsn):
            kept = drilled(reference_stack)
    finally:
        with session(dsn) as connection:
            connection.execute("DROP TABLE query_log, heartbeat")
    found = {entry.subject: entry.value for entry in kept.observations if entry.name == "fingerprints_differ"}
    assert found == {"": 0, "public.heartbeat": None}
    assert outcomes(reference_stack, kept)["fingerprints_differ"] is Outcome.PASS


def test_an_unknown_defect_is_refused_with_what_there_is(reference_stack: Running) -> None:
    with pytest.raises(NotMeasurable, match="truncated_at_60_percent"):
        drilled(reference_stack, artefact_defect="nonsense")
    assert leftovers(reference_stack) == []


def test_the_dump_is_private(reference_stack: Running, tmp_path: Path) -> None:
    context, _ = reference_stack.context(ID)
    source = reference_stack.stack.postgres()
    artefact = METHODS.load("pg_dump").backup(context, PgDumpParameters(), source, tmp_path)
    assert stat.S_IMODE(artefact.path.stat().st_mode) == 0o600
    assert artefact.size_bytes > 1_000_000


def test_a_dump_that_fails_is_a_finding_in_the_tools_words(reference_stack: Running, tmp_path: Path) -> None:
    context, _ = reference_stack.context(ID)
    method, parameters = METHODS.load("pg_dump"), PgDumpParameters(compression="nonsense")
    with pytest.raises(RestoreFailed, match='unrecognized compression algorithm: "nonsense"'):
        method.backup(context, parameters, reference_stack.stack.postgres(), tmp_path)


def test_a_target_that_is_the_source_is_refused(reference_stack: Running) -> None:
    source = reference_stack.stack.postgres()
    with pytest.raises(HarnessError, match="is the source itself"):
        refuse_source(source, source)


def test_too_little_space_is_said_before_anything_is_written(
    reference_stack: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_runner, "SPACE_BYTES", 2**60)
    context, _ = reference_stack.context(ID)
    with pytest.raises(NotMeasurable, match="are free"):
        check_disk_space(context)


@pytest.fixture
def declared(reference_stack: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes what the stack file declares, for this test."""

    def change(**changes: Any) -> None:
        stack = reference_stack.stack
        monkeypatch.setattr(stack, "spec", stack.spec.model_copy(update=changes))

    return change


def test_the_share_of_production_is_that_of_the_table_furthest_from_it(
    reference_stack: Running, declared: Callable[..., None]
) -> None:
    context, _ = reference_stack.context(ID)
    rows = reference_stack.facts.tables["chunks"].rows
    data = reference_stack.stack.spec.data
    declared(data=data.model_copy(update={"production_size": {"chunks": rows * 4, "documents": rows}}))
    share, scale = data_share(context)
    assert (share.value, scale) == (0.25, 4.0)
    declared(data=data.model_copy(update={"production_size": {}}))
    share, scale = data_share(context)
    assert (share.value, scale) == (None, None)


def test_a_restore_of_a_part_of_production_can_fail_the_objective_and_never_pass_it(
    reference_stack: Running, declared: Callable[..., None]
) -> None:
    rows = reference_stack.facts.tables["chunks"].rows
    data = reference_stack.stack.spec.data
    declared(data=data.model_copy(update={"production_size": {"chunks": rows * 10}}))
    kept = drilled(reference_stack)
    assert one(kept, "rto").lower_bound
    assert outcomes(reference_stack, kept)["rto"] is Outcome.UNKNOWN
    assert kept.value("rto_projected") > kept.value("rto")
    strict = Expectation(observation="rto", matcher="at_most", expected=0.001, unit="s")
    assert judge_expectation(strict, kept.observations, None).outcome is Outcome.FAIL


def test_a_backup_that_the_stack_file_does_not_schedule_has_no_exposure(
    reference_stack: Running, declared: Callable[..., None]
) -> None:
    context, _ = reference_stack.context(ID)
    declared(backups={})
    (observation,) = exposure(context, PgDumpParameters(), None)
    assert (observation.name, observation.value) == ("exposed_rpo", None)
    assert "dump" in observation.detail


def test_a_dump_of_another_day_is_noticed_by_the_ledger_alone(reference_stack: Running) -> None:
    """The data have not changed since: everything else in it is right."""
    kept = drilled(reference_stack, artefact_defect="of_another_day")
    failed = {name for name, outcome in outcomes(reference_stack, kept).items() if outcome is Outcome.FAIL}
    assert failed == {"rows_missing_from_backup"}
    assert kept.value("holes") == 0


PARTITIONED = """
CREATE TABLE parts (id int, embedding vector(3)) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT n, ARRAY[n, n % 7, 1]::vector FROM generate_series(1, 300) AS n;
CREATE INDEX parts_vectors ON parts USING hnsw (embedding vector_l2_ops);
COMMENT ON INDEX parts_vectors IS 'searched by everybody';
"""


@pytest.mark.parametrize("database", ["rag", "postgres"])
@pytest.mark.parametrize("method", ["pg_dump", "pg_dump_plain"])
def test_partitioned_vectors_and_any_name_of_a_database_come_back(
    reference_stack: Running, tmp_path: Path, method: str, database: str
) -> None:
    context, _ = reference_stack.context(ID, seconds=120)
    used = METHODS.load(method)
    parameters = used.parameters()
    with (
        reference_stack.stack.scratch_postgres(ScratchRequest(name="parts"), context.deadline) as source,
        reference_stack.stack.scratch_postgres(ScratchRequest(name="restored"), context.deadline) as target,
    ):
        for server in (source, target):
            server.database = database
        with session(source.dsn()) as connection:
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS vector; {PARTITIONED}".encode())
        dumped = used.backup(context, parameters, source, tmp_path)
        phases = PhaseClock("provision")
        used.restore(context, parameters, dumped, target, phases)
        if isinstance(used, Deferring):
            used.finish(context, parameters, dumped, target, phases)
        with session(target.dsn()) as connection:
            found = connection.execute(
                "SELECT (SELECT count(*) FROM parts), obj_description('parts_vectors'::regclass),"
                " (SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid::regclass::text LIKE 'parts%')"
            ).fetchone()
    assert found == (300, "searched by everybody", True)
