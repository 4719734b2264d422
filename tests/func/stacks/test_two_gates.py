"""Two gates of two stacks on one host at the same time: each with its own verdict, nothing shared, nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tests.func.cli.gonogo import Ended, finish, run_json, start

from gonogo.rundir.state import scratch_root
from gonogo.stacks.cleanup import leftovers

ROOT = Path(__file__).parents[3]
BREAKING = ("chaos/failover", "checks/api/unknown_is_404", "checks/isolation/sql_leaks_nothing")
COUNTING = (
    "checks/observability/metrics_move_with_traffic", "checks/api/delete_deletes", "checks/vector_index/recall_holds",
)  # fmt: skip


def stack_file(folder: Path, name: str, **changes: Any) -> Path:
    """The reference stack with few rows, under another name."""
    text = (ROOT / "config/stacks/reference.yaml").read_text()
    data = yaml.safe_load(text.replace("../../examples", str(ROOT / "examples")).replace('"10000"', '"400"'))
    data["stack"] = name
    data["services"]["db"] |= changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def only(identifiers: tuple[str, ...]) -> list[str]:
    """The options that select them."""
    return [word for one in identifiers for word in ("--only", one)]


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """What ran, and what it came to."""
    return {one["id"]: one["outcome"] for one in record["findings"] if one["outcome"] != "SKIPPED"}


def test_two_gates_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    state = tmp_path / "state"
    environment = {"GONOGO_CACHE": str(tmp_path / "cache"), "GONOGO_STATE": str(state)}
    stacks = {
        "one": (stack_file(tmp_path, "one"), BREAKING),
        "two": (stack_file(tmp_path, "two", standbys={}), COUNTING),  # the same data: both want the same template
    }
    gates = [
        start(
            "gate", "--runtime", "embedded", "--stack", path, *only(chosen), "--out", tmp_path / name,
            environment=environment,
        )
        for name, (path, chosen) in stacks.items()
    ]  # fmt: skip
    ended: list[Ended] = [finish(gate) for gate in gates]

    records = {name: run_json(tmp_path / name) for name in stacks}
    for (name, (_, chosen)), one in zip(stacks.items(), ended, strict=True):
        assert outcomes(records[name]) == dict.fromkeys(chosen, "PASS"), one.err
        assert (one.code, records[name]["verdict"], records[name]["stack"]["name"]) == (0, "PARTIAL", name)
        run_id = records[name]["run_id"]
        assert leftovers(run_id, scratch_root() / run_id) == []
    assert records["one"]["run_id"] != records["two"]["run_id"]
    assert sum("filling the database" in one.err for one in ended) == 1, "the template is built once, for both"
    assert list((state / "runs").iterdir()) == []
