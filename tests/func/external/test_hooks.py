"""What already runs is broken by its owner's commands, on a real pair of servers, and only with proof."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.func.cli.gonogo import Ended, command, gonogo, run_json
from tests.func.external.handmade import PASSWORDS, HandMade

from gonogo.stacks.undo import UNDOS

COMMAND = Path(__file__).with_name("command.py")
SCENARIO = """\
title: {title}
why: A scenario of one's own, by a command of the stack file.
steady_state: [checks/api/search_finds_the_known_answer]
faults:
  - hook: {{run: {hook}, after: 0s, hold: 1s}}
expect:
  recovered: {{equals: true}}
  steady_state_again: {{equals: true}}
"""


def words(made: HandMade, action: str) -> str:
    """The command of one action, as a line of YAML."""
    return json.dumps([sys.executable, str(COMMAND), str(made.folder / "state.json"), action])


def hooks(made: HandMade, **actions: str) -> str:
    """Lines of a stack file. Each action may have a healing one behind a slash."""
    lines = ["disposable: true", "hooks:"]
    for name, action in actions.items():
        do, _, heal = action.partition("/")
        healing = f", heal: {words(made, heal)}" if heal else ""
        seconds = 6 if do == "nothing" else 60  # nobody waits for long for what has no effect
        lines.append(f"  {name}: {{command: {words(made, do)}{healing}, timeout: {seconds}s}}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def pair(made: HandMade) -> Iterator[HandMade]:
    """The hand-made stack whose commits wait for the standby, with commands that break it."""
    credentials = made.db.account.credentials()
    state = {
        "bindir": str(made.db.bindir), "password": PASSWORDS["postgres"], "credentials": credentials,
        "servers": {name: {"data": str(one.data), "port": one.port} for name, one in made.servers.items()},
    }  # fmt: skip
    (made.folder / "state.json").write_text(json.dumps(state))
    act(made, "wait")
    yield made
    act(made, "no-wait")


def act(made: HandMade, *actions: str) -> None:
    """Run commands as the administrator would."""
    for action in actions:
        subprocess.run(
            [sys.executable, COMMAND, made.folder / "state.json", action], check=True, timeout=60,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


def broken(made: HandMade, out: Path, stack: Path, *rest: str | Path) -> Ended:
    """A run that may break the stack."""
    return gonogo(
        "chaos", *rest, "--stack", stack, "--allow-destructive", "--out", out, environment=made.environment
    )  # fmt: skip


def finding(out: Path, name: str) -> dict[str, Any]:
    """One finding of a run."""
    (found,) = [one for one in run_json(out)["findings"] if one["id"] == name]
    return dict(found)


def scenario(tmp_path: Path, hook: str, title: str = "The service survives what its owner does to it") -> str:
    """A scenario of one's own; returns its id."""
    path = tmp_path / "chaos" / f"by_{hook}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SCENARIO.format(title=title, hook=hook))
    return f"chaos/by_{hook}"


def test_a_failover_by_hook_is_proven_measured_and_healed(pair: HandMade, tmp_path: Path) -> None:
    stack = pair.stack_file("hooked", hooks(pair, failover="failover/rejoin"))
    out = tmp_path / "run"
    ended = broken(pair, out, stack, "failover")
    found = finding(out, "chaos/failover")
    assert found["outcome"] == "PASS", (found, ended.out)
    text = (out / "events.ndjson").read_text()
    assert "db/replica accepts writes, db does not answer" in text
    assert "db/replica is the only server that accepts writes, and db has all that it has" in text
    kept = "".join(path.read_text() for path in out.rglob("hook_failover*.log"))
    assert "failing over from db to replica" in kept
    assert PASSWORDS["postgres"] not in kept
    assert pair.replica.ask("SELECT pg_is_in_recovery()") == [(False,)]
    assert pair.db.ask("SELECT pg_is_in_recovery()") == [(True,)]
    assert pair.replica.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'gonogo%'") == []
    act(pair, "failover", "rejoin")  # for the tests that come after


def test_commands_are_believed_with_proof_only(pair: HandMade, tmp_path: Path) -> None:
    lines = hooks(
        pair, restart="restart", kill="kill/start", failover="nothing/nothing", kill_application="impossible/nothing"
    )
    stack = pair.stack_file("hooked", lines)
    ids = [
        scenario(tmp_path, hook) for hook in ("restart", "kill", "failover", "kill_application", "restart_application")
    ]
    out = tmp_path / "run"
    broken(pair, out, stack, "--content", tmp_path, *(word for one in ids for word in ("--only", one)))
    for hook in ("restart", "kill"):
        found = finding(out, f"chaos/by_{hook}")
        assert found["outcome"] == "PASS", found
    text = (out / "events.ndjson").read_text()
    assert "db started at" in text
    assert "db does not answer" in text
    for hook, reason in {
        "failover": "hooks.failover had no effect in 6 s: db accept writes",
        "kill_application": "hooks.kill_application ended with exit code 3: this cannot be done",
        "restart_application": "the stack file has no hooks.restart_application",
    }.items():
        found = finding(out, f"chaos/by_{hook}")
        assert found["outcome"] == "UNKNOWN"
        assert reason in found["reason"]


def test_log_settings_that_a_killed_capture_left_are_put_back(pair: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = pair.stack_file("hooked", "disposable: true\n")
    for name, value in pair.environment.items():
        monkeypatch.setenv(name, value)
    pair.db.ask("ALTER SYSTEM SET log_min_duration_statement = 0")
    before = {"log_parameter_max_length": "5"}
    UNDOS.load("server_settings").undo({"stack": str(stack), "service": "db", "before": before})
    left = "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' AND name LIKE 'log%'"
    assert pair.db.ask(left) == list(before.items())
    pair.db.ask("ALTER SYSTEM RESET log_parameter_max_length")
    pair.db.ask("SELECT pg_reload_conf()")


def test_a_killed_run_is_healed_by_the_same_command(pair: HandMade, tmp_path: Path) -> None:
    stack = pair.stack_file("hooked", hooks(pair, kill="kill/start"))
    path = tmp_path / "chaos" / "by_kill.yaml"
    scenario(tmp_path, "kill")
    text = path.read_text().replace("hold: 1s", "hold: 60s")
    path.write_text(f"{text}during: {{ledger: {{rate: 50/s}}}}\n")
    process = subprocess.Popen(
        command(
            "chaos", "by_kill", "--stack", stack, "--content", tmp_path, "--allow-destructive",
            "--out", tmp_path / "run",
        ),
        env={**os.environ, **pair.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    events_file = tmp_path / "run" / "events.ndjson"
    while not (events_file.exists() and "db does not answer" in events_file.read_text()):
        assert time.monotonic() < until
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    healed = gonogo("heal", environment=pair.environment)
    assert healed.code == 0, healed.out + healed.err
    assert "ledger_schema db" in healed.out
    assert pair.db.ask("SELECT pg_is_in_recovery()") == [(False,)]
    assert pair.db.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'gonogo%'") == []
    assert gonogo("clean", environment=pair.environment).code == 0
    assert pair.db.ask("SELECT 1") == [(1,)]
