"""What an administrator has at hand for the hand-made pair: `python command.py STATE ACTION`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

State = dict[str, Any]


def run(state: State, program: str, *words: str) -> None:
    """Run one of PostgreSQL's programs as the user that owns the servers."""
    subprocess.run(
        [f"{state['bindir']}/{program}", *words], cwd="/", check=True, timeout=60, stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGPASSWORD": state["password"]}, **state["credentials"],
    )  # fmt: skip


def data(state: State, name: str) -> str:
    """A server's data directory."""
    return str(state["servers"][name]["data"])


def roles(state: State) -> tuple[str, str]:
    """Which server is the primary, and which one the standby."""
    names = sorted(state["servers"], key=lambda name: (Path(data(state, name)) / "standby.signal").exists())
    return names[0], names[1]


def start(state: State, name: str) -> None:
    """Start a server, unless it runs."""
    if (Path(data(state, name)) / "postmaster.pid").exists():
        return
    port = state["servers"][name]["port"]
    run(state, "pg_ctl", "-D", data(state, name), "-o", f"-p {port}", "-l", f"{data(state, name)}/server.log", "start")


def stop(state: State, name: str) -> None:
    """As a crash would."""
    run(state, "pg_ctl", "-D", data(state, name), "-m", "immediate", "stop")


def wait_for(state: State, name: str, standbys: str | None) -> None:
    """Which standby commits wait for on a server; None: for nobody."""
    port = state["servers"][name]["port"]
    dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres password={state['password']}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(standbys or ""))
        connection.execute("SELECT pg_reload_conf()")


def failover(state: State) -> None:
    """The primary dies, the standby takes over."""
    primary, standby = roles(state)
    print(f"failing over from {primary} to {standby}")
    print(f"the password is {state['password']}")  # what must not be kept
    stop(state, primary)
    run(state, "pg_ctl", "-D", data(state, standby), "promote")
    wait_for(state, standby, None)


def rejoin(state: State) -> None:
    """What is dead becomes a standby of what is alive."""
    (dead,) = [name for name in state["servers"] if not (Path(data(state, name)) / "postmaster.pid").exists()]
    (alive,) = [name for name in state["servers"] if name != dead]
    shutil.rmtree(data(state, dead))
    source = f"host=127.0.0.1 port={state['servers'][alive]['port']} user=postgres password={state['password']}"
    run(
        state, "pg_basebackup", "-D", data(state, dead), "-d", f"{source} application_name={dead}", "-R",
        "--checkpoint=fast", "--no-sync",
    )  # fmt: skip
    start(state, dead)
    wait_for(state, alive, dead)


def main() -> int:
    """Do one thing; 3 when it cannot be done."""
    state = json.loads(Path(sys.argv[1]).read_text())
    primary, standby = roles(state)
    match sys.argv[2]:
        case "failover":
            failover(state)
        case "rejoin":
            rejoin(state)
        case "restart":
            stop(state, primary)
            start(state, primary)
        case "wait":
            wait_for(state, primary, standby)
        case "no-wait":
            wait_for(state, primary, None)
        case "kill":
            stop(state, primary)
        case "start":
            start(state, primary)
        case "nothing":
            print("nothing was done")
        case _:
            print("this cannot be done")
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
