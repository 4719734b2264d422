"""A base backup without its WAL, and a receiver's folder: replayed to its end or a moment, holes and damage named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.func.given.conftest import Source, Verify, copied, with_a_flipped_bit

from gonogo.core.errors import UsageError
from gonogo.core.outcome import Outcome
from gonogo.drills.given.target import target_of
from gonogo.engine.verify import WAYS

RAG_ROWS = 1204
SYSTEM_AT, IN_USE_AT = 24, 0x30  # in a segment: the identifier of the cluster; the first record, which others follow
Breaks = Callable[[Path, list[Path]], object]


@dataclass(frozen=True, kw_only=True)
class Received:
    """A base backup, folders of what was received since, and moments after the first of three rows."""

    base: Path
    plain: Path
    compressed: Path
    moments: dict[str, str]


@pytest.fixture(scope="session")
def received(source: Source, backups: Path) -> Received:
    """Rows in `postgres`: one, a restore point, another, a new segment, a third in one that is never finished."""
    folder = source.own(source.folder / "received")
    slots = {"plain": [], "compressed": ["--compress=gzip"]}
    source.sql(*(f"SELECT pg_create_physical_replication_slot('{name}', true)" for name in slots))
    source.run("pg_basebackup", f"--pgdata={folder / 'base'}", "--wal-method=none", "--checkpoint=fast", "--no-sync")
    with psycopg.connect(host=str(source.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE TABLE marks (name text)")
        connection.execute("INSERT INTO marks VALUES ('first')")
        connection.execute("SELECT pg_sleep(1)")  # a label tells the second in which the backup began, no fraction
        moments = {}
        for kind, statement in {
            "name": "SELECT 'one' FROM pg_create_restore_point('one')",
            "time": "SELECT replace(clock_timestamp()::text, ' ', 'T') || ':00'",
            "lsn": "SELECT pg_current_wal_insert_lsn()::text",
        }.items():
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None
            moments[kind] = f"{kind}:{row[0]}"
        connection.execute("INSERT INTO marks VALUES ('second')")
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("INSERT INTO marks VALUES ('third')")
        (end,) = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        for name, more in slots.items():
            arguments = [f"--slot={name}", f"--endpos={end}", "--no-loop", "--no-sync", *more]
            source.run("pg_receivewal", f"--directory={source.own(folder / name)}", *arguments)
        connection.execute("DROP TABLE marks")
        for name in slots:
            connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
    return Received(base=folder / "base", plain=folder / "plain", compressed=folder / "compressed", moments=moments)


def segments(folder: Path) -> list[Path]:
    """Those that are needed, in order; the last was never finished."""
    return sorted(folder.iterdir())[-3:]


def test_up_to_the_end_it_equals_its_reference(received: Received, facts: str, verified: Verify) -> None:
    answer = verified(received.base, wal=received.plain, reference=facts)
    assert answer.verdict == ("GO", 0), answer.finding.reason
    assert answer.value("rows") == RAG_ROWS + 3
    assert "partial, which was never finished" in answer.value("wal_used")


@pytest.mark.parametrize("kind", ["name", "time"])
def test_up_to_a_moment_it_holds_what_was_there_then(kind: str, received: Received, verified: Verify) -> None:
    answer = verified(received.base, wal=received.compressed, target=target_of(received.moments[kind]))
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("rows") == RAG_ROWS + 1


def test_every_way_of_recovering_comes_to_its_end(received: Received, verified: Verify) -> None:
    answer = verified(received.base, wal=received.compressed, explore=True, time_limit_s=120)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    (found,) = (one for one in answer.result.judgement.findings if one.id == WAYS)
    assert found.outcome is Outcome.PASS, found.reason
    (table,) = found.tables
    assert [row[0] for row in table.rows] == ["as it comes", "syncfs", "memory", "no fsync"]
    assert "failed" not in {cell for row in table.rows for cell in row}


def test_finished_segments_alone_are_no_damage(received: Received, there: Path, verified: Verify) -> None:
    wal = copied(received.plain, there / "wal")
    segments(wal)[-1].unlink()
    answer = verified(received.base, wal=wal)
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason
    assert answer.value("rows") == RAG_ROWS + 2


def of_another_cluster(_: Path, found: list[Path]) -> None:
    content = bytearray(found[1].read_bytes())
    content[SYSTEM_AT] ^= 1
    found[1].write_bytes(content)


def of_another_timeline(folder: Path, found: list[Path]) -> None:
    for one in found:
        one.rename(folder / one.name.replace("00000001", "00000002", 1))


def a_flipped_bit(path: Path) -> None:
    with_a_flipped_bit(path, IN_USE_AT / path.stat().st_size)


def linked(_: Path, found: list[Path]) -> None:
    found[1].unlink()
    found[1].symlink_to("/etc/passwd")


BROKEN: dict[str, tuple[Breaks, str]] = {
    "hole": (lambda _, found: found[1].rename(found[1].with_name("lost")), "WAL is missing: 0000"),
    "empty": (
        lambda _, found: [one.rename(one.with_name(f"{one.name}.lost")) for one in found],
        "the WAL of this backup is missing",
    ),
    "cut": (lambda _, found: found[1].write_bytes(bytes(found[1].read_bytes()[:99_999])), "is cut: 99999 bytes"),
    "flip": (lambda _, found: a_flipped_bit(found[1]), "though there is WAL up to"),
    "flip-at-the-end": (lambda _, found: a_flipped_bit(found[-1]), "WAL goes on after it"),
    "cluster": (of_another_cluster, "it is of another cluster"),
    "timeline": (of_another_timeline, "there is WAL of timeline 2, and its history"),
    "another-segment": (lambda _, found: shutil.copy(found[0], found[1]), "which is another segment's"),
    "link": (linked, "cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_missing_or_damaged_is_named(name: str, received: Received, there: Path, verified: Verify) -> None:
    breaks, said = BROKEN[name]
    wal = copied(received.plain, there / "wal")
    breaks(wal, segments(wal))
    answer = verified(received.base, wal=wal)
    assert answer.verdict == ("NO-GO", 1)
    assert said in answer.detail("restored")


def test_an_unfinished_segment_under_a_finished_name_is_not_known(
    received: Received, there: Path, verified: Verify
) -> None:
    wal = copied(received.plain, there / "wal")
    last = segments(wal)[-1]
    last.rename(last.with_suffix(""))
    answer = verified(received.base, wal=wal)
    assert answer.verdict == ("HOLD", 3)
    assert "kept as a finished segment" in answer.finding.reason


@pytest.mark.parametrize(
    ("moment", "said"),
    [("2020-01-01T00:00:00Z", "the backup was begun at"), ("name:never", "before configured recovery target")],
)
def test_a_moment_that_cannot_be_reached_is_no_go(moment: str, said: str, received: Received, verified: Verify) -> None:
    answer = verified(received.base, wal=received.plain, target=target_of(moment))
    assert answer.verdict == ("NO-GO", 1)
    assert said in answer.detail("restored")


def test_what_cannot_be_asked_is_refused(received: Received, backups: Path, verified: Verify) -> None:
    with pytest.raises(UsageError, match="no WAL can be replayed over a dump"):
        verified(backups / "custom", wal=received.plain)
    with pytest.raises(UsageError, match="--wal FOLDER says where it is"):
        verified(received.base, target=target_of("731"))
