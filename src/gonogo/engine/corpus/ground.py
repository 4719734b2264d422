"""Where the corpus is made: the database, its healthy backups, the oracles that know them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from gonogo.core.deadline import Deadline, Interruption
from gonogo.drills.corpus.methods import DATABASE, Method
from gonogo.drills.corpus.oracle import Oracle, Reading
from gonogo.drills.corpus.programs import Programs
from gonogo.drills.corpus.source import UNDONE_DAY, Source
from gonogo.engine.corpus.matrix import Tried
from gonogo.engine.corpus.plan import CorpusOptions
from gonogo.engine.portraits import write_portrait
from gonogo.engine.services import LocalRun
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.boxed import initdb_arguments
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import Spawner
from gonogo.stacks.references import References

SIDE_BY_SIDE = 2
LONGEST_S = 24 * 3600.0
Tell = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Ground:
    """Where the corpus is made and shown."""

    options: CorpusOptions
    tell: Tell
    interruption: Interruption
    source: Source
    folder: Path
    oracles: SimpleQueue[Oracle] = field(default_factory=SimpleQueue)
    tried: list[Tried] = field(default_factory=list)
    total: int = 0
    places: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def facts(self) -> Path:
        """The reference of everything."""
        return self.folder / "facts.json"

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
    return Ground(
        options=options, tell=tell, interruption=interruption, source=Source(programs=programs), folder=folder
    )


def make_healthy(ground: Ground, methods: Sequence[Method]) -> None:
    """The database, its facts, and two backups by each method: of today, and of the day before."""
    ground.tell("making the database")
    ground.source.make()
    programs = ground.source.programs
    programs.run("initdb", *initdb_arguments(ground.empty, programs.binaries.major))
    for day, statements in (("today", ""), ("yesterday", UNDONE_DAY)):
        folder = programs.account.folder(ground.folder / day)
        ground.tell(f"backing it up by {len(methods)} methods: {day}")
        with ground.source.copy(statements) as clone:
            for method in methods:
                clone.back_up(method, folder / method.name)
            if not statements:
                write_portrait(clone.server.dsn(DATABASE), ground.facts)


@contextmanager
def oracles(ground: Ground) -> Iterator[None]:
    """One for each of those that work side by side. What is healthy is shown to one of them, and all know it."""
    programs = ground.source.programs
    known: dict[str, Reading] = {}
    with ExitStack() as stack:
        for number in range(SIDE_BY_SIDE):
            folder = programs.account.folder(ground.folder / f"o{number}")
            oracle = Oracle(programs=replace(programs, folder=folder), empty=ground.source.empty, healthy=known)
            stack.enter_context(oracle.ready())
            ground.oracles.put(oracle)
        yield
