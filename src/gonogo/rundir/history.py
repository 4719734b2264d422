"""What earlier runs came to: one SQLite file in the user's project, appended to after each run, never rewritten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gonogo.core.errors import UsageError
from gonogo.core.plan import CLOCKS_DIFFER_S, Past

DEFAULT = Path("reports/history.sqlite")
FORMAT = 1  # of the tables: their user_version
BUSY_SECONDS = 10.0
TABLES = """
begin immediate;
create table if not exists runs (
    run_id text primary key, at text, stack text, runtime text, fingerprint text, suite text, policy text,
    revision text, tool text, command text, verdict text, headline text);
create table if not exists items (
    run_id text not null references runs, id text not null, kind text not null, outcome text not null, reason text,
    primary key (run_id, id)) without rowid;
create table if not exists measures (
    run_id text not null references runs, id text not null, name text not null, subject text not null,
    value real not null, unit text not null, worse text not null,
    primary key (run_id, id, name, subject)) without rowid;
create index if not exists items_by_id on items (id);
pragma user_version = 1;
commit;
"""
ADD_RUN = """
insert or ignore into runs values (:run_id, :at, :stack, :runtime, :fingerprint, :suite, :policy, :revision, :tool,
    :command, :verdict, :headline)
"""
VERIFY_BACKUP = "gonogo verify-backup"  # the command that restores what somebody else made, beside any stack
WORSE = {"at_most": "up", "at_least": "down"}  # matcher → where worse values lie


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number of one item. `worse`: "up" or "down" where an expectation says so, else ""."""

    name: str
    subject: str
    value: float
    unit: str
    worse: str

    @property
    def label(self) -> str:
        """Its name, with the subject where it has one."""
        return f"{self.name} ({self.subject})" if self.subject else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of one earlier run."""

    past: Past
    id: str
    stack: str
    revision: str | None  # of the project
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """The file. Reading one that is not there gives nothing and makes nothing."""

    path: Path

    def append(self, record: Mapping[str, Any]) -> bool:
        """Add a judged run (the content of run.json); False when it is there already. Raises OSError, UsageError."""
        with self._written() as database, database:
            return _insert(database, *_parts(record))

    def runs(self, *, stack: str | None = None, last: int) -> list[dict[str, str]]:
        """The newest runs, newest first, as {column: text}."""
        found = self._rows(
            "select * from runs where ? is null or stack = ? order by at desc, run_id desc limit ?", stack, stack, last
        )
        return [{name: text or "" for name, text in dict(row).items()} for row in found]

    def items(self) -> list[str]:
        """The ids of everything that was ever run, sorted."""
        return [row["id"] for row in self._rows("select distinct id from items order by id")]

    def entries(self, identifier: str, *, stack: str | None = None, last: int) -> list[Entry]:
        """The newest runs of one item, newest first; SKIPPED ones, which say nothing, are left out."""
        rows = self._rows(
            "select * from items join runs using (run_id) where id = ? and outcome <> 'SKIPPED' "
            "and (? is null or stack = ?) order by at desc, run_id desc limit ?",
            identifier, stack, stack, last,
        )  # fmt: skip
        return [self._entry(row) for row in rows]

    def newest(self, identifier: str, *, stack: str, runtime: str) -> Entry | None:
        """The last run of an item on this stack: on this runtime, or where it never ran there, on another.

        What a clock that was wrong put into the future hides no other run.
        """
        found = self.entries(identifier, stack=stack, last=-1)
        now = datetime.now(UTC) + timedelta(seconds=CLOCKS_DIFFER_S)
        likely = [one for one in found if datetime.fromisoformat(one.past.at) <= now] or found
        here = [one for one in likely if one.past.runtime == runtime]
        return next(iter((*here, *likely)), None)

    def exported(self) -> Iterator[str]:
        """Every run as one line of JSON, oldest first: to keep in a cache or a repository, and to merge."""
        for run in self._rows("select * from runs order by at, run_id"):
            items = self._rows("select * from items where run_id = ? order by id", run["run_id"])
            measures = self._rows("select * from measures where run_id = ? order by id, name, subject", run["run_id"])
            yield json.dumps({"run": dict(run), "items": _plain(items), "measures": _plain(measures)})

    def merge(self, lines: Iterable[str], *, source: str) -> int:
        """Add the runs of exported lines that are not there yet: how many. Raises UsageError naming the line."""
        added = 0
        with self._written() as database, database:  # all of them or none
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                    added += _insert(database, record["run"], record["items"], record["measures"])
                except (ValueError, KeyError, TypeError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
                    raise UsageError(f"{source}:{number}: is no line of `gonogo history --export`: {error}") from None
        return added

    def _entry(self, row: sqlite3.Row) -> Entry:
        measures = self._rows(
            "select name, subject, value, unit, worse from measures where run_id = ? and id = ? order by name, subject",
            row["run_id"], row["id"],
        )  # fmt: skip
        return Entry(
            past=Past(
                run_id=row["run_id"], at=row["at"], runtime=row["runtime"], outcome=row["outcome"],
                reason=row["reason"] or "",
                beside=row["command"] == VERIFY_BACKUP,
            ),
            id=row["id"],
            stack=row["stack"],
            revision=row["revision"],
            measures=tuple(Measure(**dict(one)) for one in measures),
        )  # fmt: skip

    def _rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        if not self.path.exists():
            return []
        with self._opened() as database:
            return database.execute(statement, values).fetchall() if _has_tables(database) else []

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as database:
            if not _has_tables(database):
                database.executescript(TABLES)
            yield database

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as database:
                database.row_factory = sqlite3.Row
                version = database.execute("pragma user_version").fetchone()[0]
                if version > FORMAT:
                    raise UsageError(f"{self.path} was written by a newer gonogo (format {version}, known: {FORMAT})")
                yield database
        except sqlite3.OperationalError as error:  # locked for too long, no room, no permission
            raise OSError(None, str(error), str(self.path)) from None
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self.path} is no history of gonogo: {error}") from None


def _has_tables(database: sqlite3.Connection) -> bool:
    """Whether the tables are there: a file that was only just created has none."""
    return bool(database.execute("select 1 from sqlite_master where name = 'measures'").fetchall())


def _parts(record: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """A judged run as rows of the three tables."""
    run = {
        "run_id": record["run_id"],
        "at": record["finished_at"] or record["started_at"],
        "stack": record["stack"]["name"],
        "runtime": record["stack"]["runtime"],
        "fingerprint": record["stack"]["fingerprint"],
        "suite": record["suite"],
        "policy": record["policy"],
        "revision": record["commit"],
        "tool": record["tool"].get("version", ""),
        "command": record["command"],
        "verdict": str(record["verdict"]),
        "headline": record["headline"],
    }
    items = [
        {"id": one["id"], "kind": str(one["kind"]), "outcome": str(one["outcome"]), "reason": one["reason"]}
        for one in record["findings"]
    ]
    return run, items, [measure for one in record["findings"] for measure in _measures(one)]


def _measures(finding: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The numbers of a finding; of several of one name and subject the last, as the judge shows it."""
    worse = {one["observation"]: WORSE.get(one["matcher"], "") for one in finding["expectations"]}
    last = {(one["name"], one.get("subject", "")): one for one in finding["observations"]}
    for (name, subject), one in last.items():
        value = one["value"]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield {
                "id": finding["id"], "name": name, "subject": subject, "value": value, "unit": one.get("unit", ""),
                "worse": worse.get(name, ""),
            }  # fmt: skip


def _insert(
    database: sqlite3.Connection,
    run: Mapping[str, Any],
    items: Iterable[Mapping[str, Any]],
    measures: Iterable[Mapping[str, Any]],
) -> bool:
    added = database.execute(ADD_RUN, dict(run))
    if not added.rowcount:
        return False
    own = {"run_id": run["run_id"]}
    database.executemany(
        "insert into items values (:run_id, :id, :kind, :outcome, :reason)", [{**one, **own} for one in items]
    )
    database.executemany(
        "insert into measures values (:run_id, :id, :name, :subject, :value, :unit, :worse)",
        [{**one, **own} for one in measures],
    )
    return True


def _plain(rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    return [{key: value for key, value in dict(row).items() if key != "run_id"} for row in rows]
