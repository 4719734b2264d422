"""Where the corpus is made: the database, its healthy backups, the oracles that know them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from gonogo.core.deadline import Deadline, Interruption
from gonogo.drills.corpus.methods import DATABASE, Form, Method
from gonogo.drills.corpus.oracle import Oracle, Reading
from gonogo.drills.corpus.programs import Programs
from gonogo.drills.corpus.source import PRISTINE, UNDONE_DAY, Source, without_vectors
from gonogo.engine.corpus.matrix import Tried
from gonogo.engine.corpus.plan import CorpusOptions
from gonogo.engine.portraits import write_portrait
from gonogo.engine.services import LocalRun
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import find_binaries, packaged
from gonogo.stacks.local.boxed import initdb_arguments
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import Spawner
from gonogo.stacks.references import References

SIDE_BY_SIDE = 2
SUMMARIZES = 17  # the first version that makes incremental backups
KEEPS_WAL = {"wal_keep_size": "1GB"}  # also for a receiver that others keep waiting: a checkpoint would remove its next
KEEPERS = ("pgbackrest", "barman")
UNDONE = {"today": "", "yesterday": UNDONE_DAY}  # of each day, what is not yet done by then
LONGEST_S = 24 * 3600.0
Tell = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Ground:
    """Where the corpus is made and shown."""

    options: CorpusOptions
    tell: Tell
    interruption: Interruption
    source: Source
    packaged: Source | None = None  # of the version that programs of repositories know
    folder: Path
    oracles: SimpleQueue[Oracle] = field(default_factory=SimpleQueue)
    tried: list[Tried] = field(default_factory=list)
    total: int = 0
    places: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def facts(self, method: Method) -> Path:
        """The reference of what is backed up by a method."""
        return self.folder / ("facts-packaged.json" if method.form is Form.REPOSITORY else "facts.json")

    def missing(self, method: Method) -> str:
        """What there is not here to make a backup by a method, "" for nothing."""
        if method.form is Form.REPOSITORY and self.packaged is None:
            return f"{' and '.join(KEEPERS)} with a packaged PostgreSQL"
        if method.form is Form.CHAIN and self.source.programs.binaries.major < SUMMARIZES:
            return f"PostgreSQL {SUMMARIZES}"
        return ""

    @property
    def empty(self) -> Path:
        """An empty cluster as `verify-backup` makes it: making it takes half of the time of a verification."""
        return self.folder / "empty-for-verify"

    def healthy(self, method: Method, day: str = "today") -> Path:
        """The healthy backup by a method."""
        return self.folder / day / method.name

    def add(self, tried: Tried) -> None:
        """One is done."""
        with self.lock:
            self.tried.append(tried)
            self.tell(f"{len(self.tried)}/{self.total} {tried.id}: {tried.judged} ({tried.verdict}; {tried.what})")


@contextmanager
def site_of(services: LocalRun, interruption: Interruption) -> Iterator[Site]:
    site = Site(
        run=services,
        scratch=services.scratch,
        spawner=Spawner(),
        account=unprivileged(),
        references=References(folder=Path.cwd(), secret=services.secret),
        deadline=Deadline.after(LONGEST_S, interruption),
        cache=cache_folder(),
    )
    try:
        yield site
    finally:
        site.spawner.close()


def ground_of(options: CorpusOptions, tell: Tell, interruption: Interruption, site: Site) -> Ground:
    folder = site.account.folder(site.scratch / "c")
    programs = Programs(site=site, binaries=find_binaries(None, site.account), folder=folder)
    summarizing = {"summarize_wal": "on"} if programs.binaries.major >= SUMMARIZES else {}
    source = Source(programs=programs, settings={**KEEPS_WAL, **summarizing})
    return Ground(
        options=options, tell=tell, interruption=interruption, folder=folder, source=source,
        packaged=packaged_source(programs),
    )  # fmt: skip


def packaged_source(programs: Programs) -> Source | None:
    """A server of a version that programs of repositories know; None where there is none here, or no such program."""
    oldest = next(packaged(programs.account), None)
    if oldest is None or not all(shutil.which(name, path="/usr/bin:/bin") for name in KEEPERS):
        return None
    folder = programs.account.folder(programs.folder / "packaged")
    own = replace(programs, binaries=oldest, folder=folder)
    return Source(programs=own, settings={"archive_mode": "on"}, pristine=without_vectors(PRISTINE))


def make_healthy(ground: Ground, methods: Sequence[Method]) -> None:
    """The databases, their facts, and two backups by each method: of today, and of the day before."""
    ground.tell("making the database")
    programs = ground.source.programs
    programs.run("initdb", *initdb_arguments(ground.empty, programs.binaries.major))
    for day in UNDONE:
        programs.account.folder(ground.folder / day)
    kept = [one for one in methods if one.form is Form.REPOSITORY]
    ground.source.make()
    _back_up(ground, ground.source, [one for one in methods if one not in kept])
    if kept and ground.packaged is not None:
        ground.packaged.make()
        _back_up(ground, ground.packaged, kept)


def _back_up(ground: Ground, source: Source, methods: Sequence[Method]) -> None:
    for day, statements in UNDONE.items():
        ground.tell(f"backing it up by {len(methods)} methods: {day}")
        with source.copy(statements) as clone:
            for method in methods:
                clone.back_up(method, ground.healthy(method, day))
            if methods and not statements:
                write_portrait(clone.server.dsn(DATABASE), ground.facts(methods[0]))


@contextmanager
def oracles(ground: Ground) -> Iterator[None]:
    """One for each of those that work side by side. What is healthy is shown to one of them, and all know it."""
    programs = ground.source.programs
    known: dict[str, Reading] = {}
    with ExitStack() as stack:
        for number in range(SIDE_BY_SIDE):
            folder = programs.account.folder(ground.folder / f"o{number}")
            packaged = ground.packaged
            oracle = Oracle(
                programs=replace(programs, folder=folder), empty=ground.source.empty, healthy=known,
                packaged=replace(packaged.programs, folder=folder) if packaged else None,
            )  # fmt: skip
            stack.enter_context(oracle.ready())
            ground.oracles.put(oracle)
        yield
