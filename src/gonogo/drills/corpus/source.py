"""Where the corpus comes from: a cluster with the database in it, its copies, and their healthy backups."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from threading import Lock

from gonogo.core.errors import StackError
from gonogo.drills.corpus.methods import DATABASE, Form, Method
from gonogo.drills.corpus.moving import MAKERS
from gonogo.drills.corpus.programs import SUPERUSER, Programs, Refused, Server
from gonogo.stacks.local.boxed import SETS_IN_INITDB

# What was written between the backup that everybody means and the one of the day before.
UNDONE_DAY = """
DELETE FROM public.chunks WHERE document_id > 180;
DELETE FROM public.documents WHERE id > 180;
UPDATE public.documents SET body = body || ' (first version)' WHERE id % 9 = 0;
DELETE FROM public.messages WHERE at > date '2026-06-01';
SELECT setval('public.chunks_id_seq', 1080);
"""


PRISTINE = files("gonogo.drills.corpus").joinpath("pristine.sql").read_text()
OF_VECTORS = re.compile(r"^(CREATE EXTENSION vector|ALTER .* SET hnsw\.|CREATE INDEX .* USING hnsw).*\n", re.MULTILINE)
VECTOR = re.compile(r"\bvector(?:\(\d+\))?(?=[\s,)]|$)", re.MULTILINE)


def without_vectors(text: str) -> str:
    """The same database for a server that has no pgvector: arrays in their place, without an index."""
    plain = VECTOR.sub("real[]", OF_VECTORS.sub("", text))
    return plain.replace("ORDER BY embedding <=> query", "ORDER BY embedding[1] - query[1]")


@dataclass(slots=True, kw_only=True)
class Source:
    """The stopped cluster, below `programs.folder`. Copies of it are started, changed, backed up and thrown away."""

    programs: Programs
    settings: Mapping[str, str] = field(default_factory=dict)  # of its copies
    pristine: str = PRISTINE  # the SQL that makes the database
    _lock: Lock = field(default_factory=Lock)
    _copies: int = 0

    @property
    def cluster(self) -> Path:
        """Its data directory."""
        return self.programs.folder / "pristine"

    @property
    def empty(self) -> Path:
        """The same before anything was in it."""
        return self.programs.folder / "empty"

    def make(self) -> None:
        """Make the cluster and what is in it. Raises StackError."""
        sets = ["--set=dynamic_shared_memory_type=mmap"] if self.programs.binaries.major >= SETS_IN_INITDB else []
        try:
            self.programs.run(
                "initdb", "-D", self.cluster, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                "--wal-segsize=1", "--data-checksums", *sets,
            )  # fmt: skip
            shutil.copytree(self.cluster, self.empty)
            with self.programs.server(self.cluster) as server:
                self.programs.sql(server, self.pristine, database="postgres")
        except Refused as error:
            raise StackError(f"the database of the corpus cannot be made: {error}") from error

    @contextmanager
    def copy(self, statements: str = "") -> Iterator[Clone]:
        """A running copy, in which `statements` were run as superuser. Raises StackError."""
        with self._lock:
            self._copies += 1
            data = self.programs.folder / f"copy{self._copies}"
        shutil.copytree(self.cluster, data)
        self.programs.account.own(data)
        data.chmod(0o700)
        try:
            with self.programs.server(data, self.settings) as server:
                if statements:
                    self.programs.sql(server, statements)
                yield Clone(programs=self.programs, server=server)
        except Refused as error:
            raise StackError(f"a copy of the corpus' database cannot be had: {error}") from error
        finally:
            shutil.rmtree(data, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A running copy of the cluster."""

    programs: Programs
    server: Server

    def back_up(self, method: Method, target: Path) -> Path:
        """Make a backup, by PostgreSQL's own program; returns the path that people would keep. Raises Refused."""
        run, to = self.programs.run, self.server
        if method.moving:
            MAKERS[method.name](self.programs, self.server, target)
        elif method.physical:
            run("pg_basebackup", *method.arguments, f"--pgdata={target}", "--checkpoint=fast", "--no-sync", to=to)
        elif method.form is Form.CLUSTER:
            run("pg_dumpall", f"--file={target}", to=to)
        elif method.appended:
            run("pg_dump", *method.arguments, DATABASE, to=to, out=target, append=True)
        else:
            run("pg_dump", *method.arguments, f"--file={target}", DATABASE, to=to)
        return squeezed(self.programs, method, target)


def squeezed(programs: Programs, method: Method, path: Path) -> Path:
    """Compress a finished backup as people do."""
    if not method.squeezed:
        return path
    suffix = {"gzip": ".gz", "zstd": ".zst"}[method.squeezed]
    for one in sorted(path.glob("*.tar")) if method.form is Form.TARS else [path]:
        packed = one.with_name(one.name + suffix)
        programs.run(method.squeezed, "-q", "-c", one, out=packed)
        one.unlink()
        if method.form is not Form.TARS:
            return packed.rename(path)
    return path
