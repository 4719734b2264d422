"""A stack that gonogo did not start: PostgreSQL with a standby, and the reference service, made by hand.

Nothing of gonogo's runtimes is used for it, apart from where the programs lie and who may run them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from gonogo.spec.content import shipped_content
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.ports import Ports

PASSWORDS = {
    "postgres": "hand-made-admin", "rag_owner": "hand-made-owner", "rag_app": "hand-made-app",
    "watcher": "hand-made-watcher", "visitor": "hand-made-visitor",
}  # fmt: skip
KEYS = {"acme": "hand-made-key-acme", "globex": "hand-made-key-globex", "burst": "hand-made-key-burst"}
START_SECONDS = 60.0
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
max_wal_senders = 10
wal_retrieve_retry_interval = 100ms
dynamic_shared_memory_type = mmap
shared_buffers = 64MB
max_connections = 60
shared_preload_libraries = pg_stat_statements
logging_collector = on
log_destination = jsonlog
statement_timeout = 30s
idle_in_transaction_session_timeout = 60s
"""
ROLES = """
CREATE ROLE rag_owner LOGIN PASSWORD '{rag_owner}';
CREATE ROLE rag_app LOGIN PASSWORD '{rag_app}';
CREATE ROLE watcher LOGIN PASSWORD '{watcher}' IN ROLE pg_monitor;
CREATE ROLE visitor LOGIN PASSWORD '{visitor}';
"""


@dataclass(kw_only=True)
class Server:
    """One PostgreSQL server."""

    data: Path
    port: int
    bindir: Path
    account: Any

    def run(self, program: str, *words: str | Path) -> None:
        """Run one of its programs as the user that owns it. Its output goes to a file: a server may inherit it."""
        with tempfile.TemporaryFile("w+") as log:
            done = subprocess.run(
                [self.bindir / program, *map(str, words)], cwd="/", stdin=subprocess.DEVNULL, text=True, timeout=60,
                stdout=log, stderr=subprocess.STDOUT, check=False,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGPASSWORD": PASSWORDS["postgres"]},
                **self.account.credentials(),
            )  # fmt: skip
            log.seek(0)
            assert done.returncode == 0, f"{program}: {log.read()}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.run("pg_ctl", "-D", self.data, "-o", f"-p {self.port}", "-l", self.data / "server.log", "-w", "start")

    def stop(self) -> None:
        """End it, whatever it does."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def dsn(self, role: str = "postgres", database: str = "rag", **changes: Any) -> str:
        """A connection string of a role."""
        return make_conninfo(
            **{
                "host": "127.0.0.1", "port": self.port, "user": role, "password": PASSWORDS[role], "dbname": database,
                **changes,
            }
        )  # fmt: skip

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, as the superuser."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@dataclass(kw_only=True)
class HandMade:
    """The whole stack. `folder` holds the stack file and the commands that it names."""

    folder: Path
    servers: dict[str, Server]
    url: str = ""
    _application: subprocess.Popen[bytes] | None = None
    _ports: Ports = field(default_factory=Ports)

    @property
    def db(self) -> Server:
        """The server that was the primary at first."""
        return self.servers["db"]

    @property
    def replica(self) -> Server:
        """The one that was the standby."""
        return self.servers["replica"]

    @property
    def environment(self) -> dict[str, str]:
        """What the stack file takes from the environment."""
        return {
            "DSN": self.db.dsn(), "DSN_REPLICA": self.replica.dsn(), "DSN_APP": self.db.dsn("rag_app"),
            "DSN_OWNER": self.db.dsn("rag_owner"), "APP_URL": self.url, "ACME_KEY": KEYS["acme"],
            "GLOBEX_KEY": KEYS["globex"], "BURST_KEY": KEYS["burst"],
        }  # fmt: skip

    def stack_file(self, name: str = "external", changes: str = "", *, without: str = "") -> Path:
        """A stack file beside the others. `changes` are more lines of YAML; `without` takes a text away."""
        path = self.folder / f"{name}.yaml"
        path.write_text(STACK.replace(without, "") + changes if without else STACK + changes)
        return path

    def start_application(self) -> None:
        """Start the reference service, which finds whichever server accepts writes."""
        port = self._ports.take()
        self.url = f"http://127.0.0.1:{port}"
        with (self.folder / "app.log").open("ab") as log:
            self._application = subprocess.Popen(
                [sys.executable, "-m", "reference_rag"], cwd=shipped_content() / "examples", stdin=subprocess.DEVNULL,
                env={**os.environ, **self.service_environment("rag_app"), "PORT": str(port), "HOST": "127.0.0.1"},
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError((self.folder / "app.log").read_text()[-2000:])

    def service_environment(self, role: str) -> dict[str, str]:
        """The settings of the reference service."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.servers.values())
        return {
            "DATABASE_URL": f"postgresql://{role}:{PASSWORDS[role]}@{hosts}/rag?target_session_attrs=read-write",
            "MIGRATIONS_URL": f"postgresql://rag_owner:{PASSWORDS['rag_owner']}@{hosts}/rag?target_session_attrs=read-write",
            "API_KEYS": ",".join(f"{tenant}={key}" for tenant, key in KEYS.items()),
            "RATE_LIMITS": "burst=30",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def end(self) -> None:
        """End everything."""
        if self._application is not None:
            self._application.kill()
            self._application.wait()
        for server in self.servers.values():
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


STACK = """\
stack: handmade
runtime: external
services:
  db:
    kind: postgres
    dsn: "${env.DSN}"
    dsn_owner: "${env.DSN_OWNER}"
    dsn_application: "${env.DSN_APP}"
    standbys: {replica: {dsn: "${env.DSN_REPLICA}"}}
  app: {kind: http, url: "${env.APP_URL}", ready: /readyz}
contract:
  tenants:
    acme: {headers: {X-API-Key: "${env.ACME_KEY}"}}
    globex: {headers: {X-API-Key: "${env.GLOBEX_KEY}"}}
  rate_limited: {headers: {X-API-Key: "${env.BURST_KEY}"}}
  errors: {code: $.error.code, request_id: $.error.request_id}
  live: GET /livez
  ready: GET /readyz
  metrics: GET /metrics
  openapi: GET /openapi.json
  ingest: {request: POST /documents, json: {id: "{id}", title: "{title}", text: "{text}"}, id: $.id}
  document: {request: "GET /documents/{id}", id: $.id}
  delete: {request: "DELETE /documents/{id}"}
  search:
    request: POST /search
    json: {query: "{query}", k: "{k}"}
    hits: "$.hits[*]"
    hit: {document: $.document_id, chunk: $.chunk_id, text: $.text, score: $.score}
  chat:
    request: POST /chat
    json: {session: "{session}", message: "{message}"}
    answer: $.answer
    sources: "$.sources[*].document_id"
data:
  tables:
    documents: {tenant: tenant_id}
    chunks: {tenant: tenant_id, vector: embedding, document: document_id}
    messages: {tenant: tenant_id}
  production_size: {chunks: 1000}
corpus: {questions: questions.jsonl}
backups: {dump: {every: 24h, takes: 20min}}
objectives: {rto: 5min, rpo: 25h, search_p95: 500ms, error_rate: 1%}
"""


def make(folder: Path) -> HandMade:
    """Make the whole stack by hand."""
    account = unprivileged()
    bindir = find_binaries(None, account).bindir
    ports = Ports()
    base = Path(tempfile.mkdtemp(prefix="handmade-", dir="/tmp"))
    base.chmod(0o711)
    servers = {
        name: Server(data=account.folder(base / name) / "data", port=ports.take(), bindir=bindir, account=account)
        for name in ("db", "replica")
    }
    made = HandMade(folder=base, servers=servers)
    made._ports = ports
    try:
        _make_primary(made.db)
        _seed(made)
        _make_standby(made)
        made.start_application()
        questions = shipped_content() / "examples/reference_rag/corpus/questions.jsonl"
        known = [line for line in questions.read_text().splitlines() if '"initech"' not in line]
        (base / "questions.jsonl").write_text("\n".join(known) + "\n")
    except BaseException:
        made.end()
        raise
    return made


def _make_primary(server: Server) -> None:
    secret = server.data.parent / "password"
    secret.write_text(PASSWORDS["postgres"])
    server.account.own(secret)
    server.run(
        "initdb", "-D", server.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8",
        "--locale=C", "--no-sync",
    )  # fmt: skip
    with (server.data / "postgresql.conf").open("a") as file:
        file.write(SETTINGS)
    server.start()
    with psycopg.connect(server.dsn(database="postgres"), autocommit=True) as connection:
        connection.execute(ROLES.format(**PASSWORDS).encode())
        connection.execute("CREATE DATABASE rag OWNER rag_owner")
    for extension in ("vector", "pg_stat_statements"):
        server.ask(f"CREATE EXTENSION {extension}")


def _seed(made: HandMade) -> None:
    """As its own documentation says: migrate, and load the corpus."""
    subprocess.run(
        [sys.executable, "-m", "reference_rag", "seed", "--corpus", "reference_rag/corpus", "--filler", "1000"],
        cwd=shipped_content() / "examples", env={**os.environ, **made.service_environment("rag_app")}, check=True,
        timeout=120, capture_output=True,
    )  # fmt: skip


def _make_standby(made: HandMade) -> None:
    primary, standby = made.db, made.replica
    standby.run("pg_basebackup", *base_backup_words(primary.port, standby))
    standby.start()
    until = time.monotonic() + START_SECONDS
    while not primary.ask(
        "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = 'replica'"
    ):
        assert time.monotonic() < until
        time.sleep(0.1)


def base_backup_words(port: int, standby: Server) -> Sequence[str]:
    """What makes a standby named `replica` of the server at a port."""
    source = make_conninfo(
        host="127.0.0.1", port=port, user="postgres", password=PASSWORDS["postgres"], application_name="replica"
    )
    return "-D", str(standby.data), "-d", source, "-R", "--checkpoint=fast", "--no-sync"


def everything(server: Server) -> Mapping[str, Any]:
    """Whatever somebody could have changed: every table's rows, every object, roles, settings, slots, messages."""
    tables = server.ask(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname <> 'information_schema'"
        " AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_class')"
    )
    found: dict[str, Any] = {
        table: server.ask(f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t")
        for (table,) in tables
    }
    for what, statement in {
        # without what vacuum and analyze of the server itself may touch meanwhile
        "relations": "SELECT oid, relname, relowner, relkind, relacl::text, reloptions::text FROM pg_class ORDER BY 1",
        "sequences": "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2",
        "settings": "SELECT name, setting FROM pg_settings WHERE source NOT IN ('session', 'client') ORDER BY 1",
        "files": "SELECT sourcefile, name, setting FROM pg_file_settings ORDER BY 1, 2",
        "roles": "SELECT rolname, rolsuper, rolconfig::text FROM pg_roles ORDER BY 1",
        "databases": "SELECT datname, datacl::text FROM pg_database ORDER BY 1",
        "slots": "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
    }.items():
        found[what] = server.ask(statement)
    return found


def digest(found: Mapping[str, Any]) -> str:
    """One line for it."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]
