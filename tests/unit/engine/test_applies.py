"""What a stack file says of itself decides what applies; leaving half of it out makes nothing inapplicable."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.engine.plan import LACKS, applies
from gonogo.spec.stack import StackSpec

TWO = {name: {"headers": {"X-API-Key": name}} for name in ("acme", "globex")}


def stack(*, tenants: dict[str, Any], column: str | None = None, standbys: Any = None) -> StackSpec:
    return StackSpec.model_validate(
        {
            "stack": "x",
            "services": {"db": {"kind": "postgres", **({"standbys": standbys} if standbys else {})}},
            "contract": {"tenants": tenants},
            "data": {"tables": {"chunks": {"tenant": column, "vector": "embedding"}}},
        }
    )


@pytest.mark.parametrize(
    ("tenants", "column", "wanted"),
    [
        (TWO, "tenant_id", True),
        (TWO, None, True),
        ({"acme": TWO["acme"]}, "tenant_id", True),  # the data has tenants, the contract hides them
        ({}, "tenant_id", True),
        ({"acme": TWO["acme"]}, None, False),
    ],
)
def test_a_tenant_column_makes_tenants_apply(tenants: dict[str, Any], column: str | None, wanted: bool) -> None:
    assert applies(stack(tenants=tenants, column=column), "tenants") is wanted


@pytest.mark.parametrize(
    ("standbys", "some", "synchronous"),
    [
        (None, False, False),
        ({"replica": None}, True, False),
        ({"replica": {"synchronous": False}}, True, False),
        ({"replica": {"synchronous": True}, "far": {}}, True, True),
    ],
)
def test_standbys_and_synchronous_ones_are_two_facts(standbys: Any, some: bool, synchronous: bool) -> None:
    spec = stack(tenants=TWO, standbys=standbys)
    assert (applies(spec, "standbys"), applies(spec, "synchronous_standbys")) == (some, synchronous)


def test_every_fact_has_words_for_its_absence() -> None:
    spec = stack(tenants={})
    assert all(applies(spec, name) in {True, False} for name in LACKS)


@pytest.mark.parametrize(
    ("settings", "backups", "snapshots", "log"),
    [
        ({}, {}, False, False),  # a cache that is empty after a restart has no backup
        ({"save": ""}, {}, False, False),
        ({"save": "3600 1"}, {}, True, False),
        ({"appendonly": True}, {}, False, True),
        ({"appendonly": "yes", "save": "60 1000"}, {}, True, True),
        ({}, {"redis": {"every": "1h"}}, True, False),
    ],
)
def test_drills_of_redis_apply_where_it_keeps_anything(
    settings: dict[str, Any], backups: dict[str, Any], snapshots: bool, log: bool
) -> None:
    spec = StackSpec.model_validate(
        {"stack": "x", "services": {"cache": {"kind": "redis", "settings": settings}}, "backups": backups}
    )
    assert (applies(spec, "redis_snapshots"), applies(spec, "redis_log")) == (snapshots, log)
