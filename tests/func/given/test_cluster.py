"""Dumps of a whole cluster: its roles come with it, and every one of its databases has to be sound."""

from __future__ import annotations

import gzip
import re
import socket
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify

ATTRIBUTES = b"ALTER ROLE rag_app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;"
OF_POSTGRES = b"\\connect postgres\n"
SEQUENCE_BEHIND = b"CREATE TABLE public.t (id serial PRIMARY KEY);\nINSERT INTO public.t VALUES (1), (2);\n"


def test_equal_to_its_reference_is_go(backups: Path, facts: str, verified: Verify) -> None:
    answer = verified(backups / "all.sql", reference=facts)
    assert answer.verdict == ("GO", 0), answer.finding.reason
    assert answer.value("roles_differ") == ()
    assert "roles" not in answer.detail("not_compared")


def test_other_superusers_tablespaces_and_locales_are_no_fault_of_it(
    backups: Path, there: Path, verified: Verify
) -> None:
    """A role that another one gave away, a folder and a locale of another host; without a reference it is PARTIAL."""
    content = (backups / "all.sql").read_bytes()
    roles = b"GRANT rag_owner TO rag_app WITH INHERIT TRUE GRANTED BY postgres;\n"
    place = b"CREATE TABLESPACE fast OWNER rag_owner LOCATION '/srv/not/here';\n"
    changed = content.replace(b"\\unrestrict", roles + place + b"\\unrestrict", 1).replace(b"'C';", b"'xx_YY';")
    (there / "all.sql.gz").write_bytes(gzip.compress(changed))
    answer = verified(there / "all.sql.gz")
    assert answer.verdict == ("PARTIAL", 0), answer.finding.reason


@pytest.mark.parametrize(
    ("pattern", "instead", "said"),
    [
        (rb"(?s)-- PostgreSQL database cluster dump complete.*", b"", "pg_dumpall writes last"),
        (rb"-- PostgreSQL database dump complete\n", b"", "databases do not end"),
        (rb"(?s)--\n-- Database \"template1\".*?(?=--\n-- PostgreSQL database cluster)", b"", "holds no database"),
        (rb"CREATE ROLE rag_app;\n", b"", 'role "rag_app" does not exist'),
    ],
    ids=["end", "end-of-a-database", "roles-alone", "role"],
)
def test_what_is_missing_is_no_go(  # noqa: PLR0917 - pytest gives them by name
    pattern: bytes, instead: bytes, said: str, backups: Path, there: Path, verified: Verify
) -> None:
    content = (backups / "all.sql").read_bytes()
    changed = re.sub(pattern, instead, content, count=1)
    assert changed != content
    (there / "all.sql").write_bytes(changed)
    answer = verified(there / "all.sql")
    assert answer.verdict == ("NO-GO", 1)
    assert said in answer.detail("restored")


def test_every_database_and_every_role_counts(backups: Path, facts: str, there: Path, verified: Verify) -> None:
    content = (backups / "all.sql").read_bytes()
    assert ATTRIBUTES in content
    changed = content.replace(ATTRIBUTES, ATTRIBUTES.replace(b"NOBYPASSRLS", b"BYPASSRLS"))
    (there / "all.sql").write_bytes(changed.replace(OF_POSTGRES, OF_POSTGRES + SEQUENCE_BEHIND))
    answer = verified(there / "all.sql", reference=facts)
    assert answer.red == {"roles_differ", "sequences_behind"}
    assert "rag_app" in answer.value("roles_differ")[0]


def test_another_host_is_not_reached(backups: Path, there: Path, verified: Verify) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        hostile = f'\\connect "host=127.0.0.1 port={port} dbname=postgres"\n'.encode()
        (there / "all.sql").write_bytes((backups / "all.sql").read_bytes().replace(OF_POSTGRES, hostile))
        answer = verified(there / "all.sql")
        with pytest.raises(TimeoutError):
            listener.accept()
    assert answer.verdict == ("NO-GO", 1)
    assert answer.value("contained") is True
