"""Tenants in the path: a token of one tenant, used in another one's place, is tried; where that works it is a leak."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from tests.func.cli.gonogo import gonogo

HERE = Path(__file__).parent
CHECKS = ("checks/isolation/api_leaks_nothing", "checks/isolation/guessed_ids_reveal_nothing")


def findings(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """What the checks of isolation find on the API whose tenants are part of the path."""
    data = yaml.safe_load((HERE / "workspaces.yaml").read_text())
    data["services"]["app"]["workdir"] = str(HERE.parents[1])
    data["services"]["app"]["environment"] |= environment
    data["contract"]["without"] = ["chat"]
    path = tmp_path / "workspaces.yaml"
    path.write_text(yaml.safe_dump(data))
    only = [word for check in CHECKS for word in ("--only", check)]
    ended = gonogo("check", "--stack", path, "--out", tmp_path / "run", *only, cwd=tmp_path)
    run = json.loads((tmp_path / "run/run.json").read_text())
    found = {one["id"]: one for one in run["findings"] if one["id"] in CHECKS}
    assert found.keys() == set(CHECKS), ended.out + ended.err
    return found


def test_a_token_opens_its_own_workspace_only(tmp_path: Path) -> None:
    assert {one["outcome"] for one in findings(tmp_path).values()} == {"PASS"}


def test_a_token_that_opens_every_workspace_is_a_leak_and_named(tmp_path: Path) -> None:
    found = findings(tmp_path, OPEN_DOORS="1")
    assert {one["outcome"] for one in found.values()} == {"FAIL"}
    assert "globex in acme's place finds acme's canary by search" in json.dumps(found)
    assert "in acme's place reads acme's canary by its id" in json.dumps(found)
