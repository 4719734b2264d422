"""Facts about one database, kept as a file: what a backup of it must bring back, for a comparison on another day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from gonogo.core.errors import UsageError
from gonogo.core.redact import Redactor
from gonogo.core.secrets import is_secret
from gonogo.pg.fingerprint import SETTING, Fingerprint, SequencePrint, TablePrint, take_fingerprint
from gonogo.pg.sessions import Connection
from gonogo.pg.sql import query

FORMAT = "gonogo database facts"
SCHEMA_VERSION = 2
SALT = b"gonogo database facts 1"  # the same everywhere: two files of one database are the same bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A database at one moment. `roles`: name → attributes, without passwords; `server`: version, encoding …"""

    database: str
    server: Mapping[str, str]
    roles: Mapping[str, str]
    fingerprint: Fingerprint

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(self.server["version"].partition(".")[0])


def take_portrait(connection: Connection) -> Portrait:
    """Read everything. Raises NotMeasurable for a role that does not see all rows, psycopg.Error."""
    fingerprint = take_fingerprint(connection)
    server: dict[str, str] = dict(connection.execute(query("portrait", "server")).fetchall())
    roles: dict[str, str] = dict(connection.execute(query("portrait", "roles")).fetchall())
    return Portrait(
        database=server.pop("database"), server=server, roles=roles, fingerprint=without_secrets(fingerprint)
    )


def without_secrets(fingerprint: Fingerprint) -> Fingerprint:
    """The same with everything that looks like a secret hidden, but so that another secret is told from it.

    What is compared with a portrait has to go through this as well.
    """
    mask = Redactor().text
    objects = {
        kind: {name: _hidden(name, text) if kind == SETTING else mask(text) for name, text in entries.items()}
        for kind, entries in fingerprint.objects.items()
    }
    return replace(fingerprint, objects=objects)


def _hidden(name: str, value: str) -> str:
    """A setting's value; a secret one as a digest that takes long to guess.

    >>> _hidden("of database rag work_mem", "5MB")
    '5MB'
    >>> _hidden("of database rag app.api_key", "hunter22").startswith("hidden, digest ")
    True
    """
    if not is_secret(name.rpartition(" ")[2], value):
        return value
    digest = hashlib.scrypt(value.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=12)
    return f"hidden, digest {digest.hex()}"


def portrait_bytes(portrait: Portrait) -> bytes:
    """The file: the same database gives the same bytes."""
    record = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **asdict(portrait)}
    return (json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_portrait(content: bytes, name: str) -> Portrait:
    """The reverse of `portrait_bytes`. Raises UsageError for anything else."""
    try:
        record = json.loads(content)
        if record.pop("format") != FORMAT:
            raise ValueError(f"it does not say format: {FORMAT}")
        if (version := record.pop("schema_version")) != SCHEMA_VERSION:
            raise ValueError(f"schema_version {version!r}; this gonogo reads {SCHEMA_VERSION}: take it again")
        return Portrait(**{**record, "fingerprint": _fingerprint(record["fingerprint"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{name} is no facts file of `gonogo fingerprint`: {error!s:.200}") from error


def _fingerprint(record: dict[str, Any]) -> Fingerprint:
    tables = {name: TablePrint(**one) for name, one in record["tables"].items()}
    sequences = {name: SequencePrint(**one) for name, one in record["sequences"].items()}
    return Fingerprint(algorithm=record["algorithm"], tables=tables, sequences=sequences, objects=record["objects"])
