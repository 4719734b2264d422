"""What is protected is found behind every way in which a connection string can lead to it."""

from __future__ import annotations

import pytest

from gonogo.core.errors import UsageError
from gonogo.spec.protected import ProtectedSpec
from gonogo.stacks.external.access import Access
from gonogo.stacks.external.database import Cluster, ExternalPostgres, attach_database
from gonogo.stacks.external.protection import refuse_protected
from gonogo.stacks.interfaces import Role

PROTECTED = ProtectedSpec(hosts=("10.0.0.7", "10.0.0.8:5433"), databases=("prod*",))
FINE = "host=127.0.0.1 dbname=rag"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER"):
        monkeypatch.delenv(name, raising=False)


def server(admin: str, **others: str) -> ExternalPostgres:
    """A server that nobody asks."""
    dsns = {Role.ADMIN: admin, **{Role(name): dsn for name, dsn in others.items()}}
    return ExternalPostgres("db", dsns, Access(destructive=True), Cluster())


@pytest.mark.parametrize(
    "dsn",
    [
        "host=10.0.0.7 dbname=rag",
        "host=harmless hostaddr=10.0.0.7 dbname=rag",
        "host=127.0.0.1,10.0.0.7 dbname=rag",
        "host=127.0.0.1,10.0.0.8 port=5432,5433 dbname=rag",
        "host=127.0.0.1 dbname=production",
        "host=127.0.0.1 user=prod",
        "service=somewhere",
    ],
)
def test_every_address_of_a_connection_string_counts(dsn: str) -> None:
    for one in (server(dsn), server(FINE, owner=dsn), server(FINE, application=dsn)):
        with pytest.raises(UsageError, match="--allow-destructive is refused for db"):
            refuse_protected([one], PROTECTED)


@pytest.mark.parametrize(
    ("name", "value"), [("PGHOST", "10.0.0.7"), ("PGHOSTADDR", "10.0.0.7"), ("PGDATABASE", "prod1")]
)
def test_what_the_environment_says_counts(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="is protected"):
        refuse_protected([server("user=rag")], PROTECTED)


def test_what_is_not_on_the_list_is_let_through() -> None:
    refuse_protected([server(FINE), server("host=127.0.0.1,10.0.0.8 port=5433,5432 dbname=rag")], PROTECTED)
    refuse_protected([server("service=somewhere")], ProtectedSpec())


def test_a_port_that_is_no_number_is_an_error_of_the_file() -> None:
    with pytest.raises(UsageError, match=r"services\.db, role admin: the port of dsn is no number"):
        server("host=a port=abc")


def test_standbys_need_a_primary_with_one_host() -> None:
    with pytest.raises(UsageError, match="dsn names several hosts"):
        attach_database("db", {Role.ADMIN: "host=a,b"}, {"one": "host=c"}, Access())
