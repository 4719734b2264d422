"""Whether a backup is broken, found out without anything of `verify-backup`: PostgreSQL's own programs restore it, and
every row and definition is compared with what the healthy backup of the same method brings back.

Broken is what a program refuses, what never ends, and what comes back otherwise. The rest is harmless.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from gonogo.core.errors import StackError
from gonogo.drills.corpus.methods import DATABASE, Form, Method
from gonogo.drills.corpus.programs import Programs, Refused, Server
from gonogo.drills.corpus.recovering import put_away, recovered

ROLES = 'CREATE ROLE rag_owner LOGIN; CREATE ROLE rag_app LOGIN; CREATE ROLE rag_reader; CREATE ROLE "Odd role";'
LANDING = "landing"  # where a dump that creates its database begins
BUILT_IN = ("postgres", "template0", "template1")
Reading = Mapping[str, str]  # what is compared: a table's rows, the schema's text … → a digest or the text itself
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND c.relnamespace::regnamespace::text !~ '^(pg_|information_)'
"""
STATES = """
SELECT 'sequence ' || schemaname || '.' || sequencename, concat(last_value) FROM pg_sequences
UNION ALL SELECT 'index ' || indexrelid::regclass, concat(indisvalid, indisready, indislive) FROM pg_index
    WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace::regnamespace::text !~ '^(pg_|information_)')
UNION ALL SELECT 'large object ' || oid, md5(lo_get(oid)) FROM pg_largeobject_metadata
UNION ALL
SELECT 'database ' || datname, concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider)
    FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'extension ' || extname, extversion FROM pg_extension
"""


@dataclass(slots=True, kw_only=True)
class Oracle:
    """Restores one backup after the other below `programs.folder`; one thread's own."""

    programs: Programs
    empty: Path  # the data directory of an empty cluster, stopped
    packaged: Programs | None = None  # of the version that programs of repositories know
    healthy: dict[str, Reading] = field(default_factory=dict)  # by method; may be shared with other oracles
    _server: Server | None = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        """With the server that dumps are restored into."""
        data = self.programs.folder / "into"
        _copied(self.programs, self.empty, data)
        with self.programs.server(data) as self._server:
            self._psql("postgres", "-c", ROLES)
            yield

    def learn(self, method: Method, path: Path) -> None:
        """Take what a healthy backup brings back for the truth about its method. Raises StackError."""
        try:
            self.healthy[method.name] = self._restored(method, path)
        except (Refused, psycopg.Error) as error:
            raise StackError(f"a healthy backup ({method.name}) cannot be restored: {error}") from error

    def broken(self, method: Method, path: Path) -> str | None:
        """What is wrong with a backup, in one line; None where it is as good as the healthy one."""
        try:
            found = self._restored(method, path)
        except (Refused, OSError) as error:
            return f"refused: {error}"
        except psycopg.Error as error:
            return f"cannot be read: {' '.join(str(error).split())[:200]}"
        healthy = self.healthy[method.name]
        differing = sorted(name for name in healthy.keys() | found.keys() if healthy.get(name) != found.get(name))
        return f"comes back otherwise: {', '.join(differing)}" if differing else None

    def _restored(self, method: Method, path: Path) -> Reading:
        if method.physical:
            return self._from_files(method, path)
        if method.form is Form.CLUSTER:
            return self._from_cluster(path)
        try:
            return self._from_dump(method, path)
        finally:
            self._empty_out()

    # --- dumps

    def _from_dump(self, method: Method, path: Path) -> Reading:
        into = LANDING if method.creates else DATABASE
        self._psql("postgres", "-c", f"CREATE DATABASE {into} TEMPLATE template0")
        assert self._server is not None
        if method.form is Form.ARCHIVE:
            self.programs.run("pg_restore", "--create", "--exit-on-error", "-d", into, path, to=self._server)
            return self._read(self._server)
        script = path
        if method.squeezed:
            script = self.programs.folder / "script.sql"
            self.programs.run(method.squeezed, "-d", "-c", "-q", path, out=script)
        self._psql(into, "-f", str(script))
        return self._read(self._server)

    def _psql(self, database: str, *arguments: str) -> None:
        quiet = ("-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", database)
        self.programs.run("psql", *quiet, *arguments, to=self._server)

    def _empty_out(self) -> None:
        """As it was: nothing of one backup meets the next."""
        assert self._server is not None
        with psycopg.connect(self._server.dsn("postgres"), autocommit=True) as connection:
            for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall():
                if name not in BUILT_IN:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _from_cluster(self, path: Path) -> Reading:
        """Into a server of its own. That its first role is there already is the one error that it may meet."""
        data = self.programs.folder / "cluster"
        _copied(self.programs, self.empty, data)
        try:
            with self.programs.server(data) as server:
                quiet = ("-X", "-q", "-o", "/dev/null", "-d", "postgres", "-f", path)
                said = self.programs.run("psql", *quiet, to=server, complaints=True)
                errors = [one for one in said.splitlines() if "ERROR" in one and 'role "postgres" already' not in one]
                if errors:
                    raise Refused(f"psql: {errors[0]}")
                return {**self._read(server), "roles": self._roles(server)}
        finally:
            shutil.rmtree(data, ignore_errors=True)

    # --- base backups

    def _from_files(self, method: Method, path: Path) -> Reading:
        programs = self.packaged if method.form is Form.REPOSITORY and self.packaged else self.programs
        data = programs.folder / "files"
        try:
            with programs.server(data, self._laid_out(programs, method, path, data)) as server:
                found = {**self._read(server), "roles": self._roles(server)}
                programs.run("pg_amcheck", "--install-missing", "-d", DATABASE, to=server)
            programs.run("pg_checksums", "--check", "-D", data)
        finally:
            put_away(programs, data)
        return found

    def _laid_out(self, programs: Programs, method: Method, path: Path, data: Path) -> Mapping[str, str]:
        """The data directory, as the manuals say to make it; returns settings of the server that starts from it."""
        if method.moving:
            return recovered(programs, method, path, data)
        if method.form is Form.FILES:
            _copied(programs, path, data)
        else:
            self._unpacked(method, path, data)
        programs.run("pg_verifybackup", data)
        return {}

    def _unpacked(self, method: Method, path: Path, data: Path) -> None:
        self.programs.account.folder(data)
        suffix = {"": "", "gzip": ".gz", "zstd": ".zst"}[method.compression]
        how = {"": [], "gzip": ["--gzip"], "zstd": ["--zstd"]}[method.compression]
        for name, where in (("base", data), ("pg_wal", data / "pg_wal")):
            self.programs.account.folder(where)
            self.programs.run("tar", "-x", *how, "-f", path / f"{name}.tar{suffix}", "-C", where)
        if (path / "backup_manifest").is_file():
            shutil.copy(path / "backup_manifest", data)
            self.programs.account.own(data / "backup_manifest")

    # --- reading

    def _read(self, server: Server) -> Reading:
        found: dict[str, str] = {}
        with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
            connection.execute("SET extra_float_digits = 1")
            for (name,) in connection.execute(TABLES).fetchall():
                found[f"rows of {name}"] = _rows(connection, name)
            found |= {str(name): str(state) for name, state in connection.execute(STATES).fetchall()}
        arguments = ("--schema-only", "--create", "--restrict-key=same", DATABASE)
        return {**found, "schema": self._text("pg_dump", *arguments, to=server)}

    def _roles(self, server: Server) -> str:
        return self._text("pg_dumpall", "--globals-only", "--restrict-key=same", to=server)

    def _text(self, program: str, *arguments: str, to: Server) -> str:
        return self.programs.run(program, *arguments, to=to)


def _rows(connection: psycopg.Connection[tuple[object, ...]], table: str) -> str:
    """A digest of all rows, whatever their order."""
    statement = sql.SQL("COPY (SELECT * FROM ONLY {}) TO STDOUT").format(sql.SQL(table))  # regclass text
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        lines = b"".join(bytes(part) for part in copy).split(b"\n")
    return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


def _copied(programs: Programs, source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    programs.account.own(target)
    target.chmod(0o700)
