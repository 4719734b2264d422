"""PostgreSQL data directories: made, configured, copied."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.rundir.files import write_atomically
from gonogo.stacks.local.account import Account
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.processes import MARK
from gonogo.stacks.local.spawner import ended_with_us

SUPERUSER = "gonogo"
INITDB_SECONDS = 120
COPY_SECONDS = 600

# Only passwords, only from this host; base backups and standbys connect as the superuser.
HBA = f"""\
host all         all         127.0.0.1/32 scram-sha-256
host replication {SUPERUSER} 127.0.0.1/32 scram-sha-256
"""

DEFAULTS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "hot_standby": "on",
    "wal_retrieve_retry_interval": "100ms",  # 5 s would be most of a failover
    "dynamic_shared_memory_type": "mmap",  # nothing in /dev/shm that SIGKILL could leave behind
    "logging_collector": "on",
    "log_destination": "stderr,jsonlog",
    "log_filename": "server.log",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_timezone": "UTC",
}
SETS_IN_INITDB = 16  # the first major version whose initdb takes settings
BEFORE_JSONLOG = 14  # the last major version without it


def initialise(
    binaries: Binaries, account: Account, data: Path, password: str, *, checksums: bool, run_id: str
) -> None:
    """Make an empty cluster whose superuser has `password`. Raises StackError."""
    secret = data.with_name(f"{data.name}.pwfile")
    secret.touch(mode=0o600)
    secret.write_text(password)
    account.own(secret)
    arguments: list[str | Path] = [
        "-D",
        data,
        "-U",
        SUPERUSER,
        "-A",
        "scram-sha-256",
        f"--pwfile={secret}",
        "-E",
        "UTF8",
    ]
    if binaries.major >= SETS_IN_INITDB:  # else its own servers leave files in /dev/shm when they are killed
        arguments.append("--set=dynamic_shared_memory_type=mmap")
    arguments += ["--locale=C", "--no-sync", *(["--data-checksums"] if checksums else [])]
    if not checksums and binaries.major >= 18:
        arguments.append("--no-data-checksums")
    try:
        command = [binaries.program("initdb"), *arguments]
        run_program(command, account, data.parent, INITDB_SECONDS, run_id=run_id)
    finally:
        secret.unlink()


def configure(account: Account, data: Path, settings: Mapping[str, str]) -> None:
    """Write the configuration. What ALTER SYSTEM changed stays on top of it."""
    for name, text in {"postgresql.conf": as_lines(settings), "pg_hba.conf": HBA}.items():
        write_atomically(data / name, text.encode())  # private, and a reload never sees half of it
        account.own(data / name)


def as_lines(settings: Mapping[str, str]) -> str:
    """Settings as postgresql.conf holds them."""
    return "".join(f"{name} = '{quoted(value)}'\n" for name, value in settings.items())


def copy_data(source: Path, target: Path, account: Account, *, run_id: str) -> None:
    """Copy a cleanly stopped data directory. Raises StackError, also when the disk is full."""
    command: list[str | Path] = ["cp", "-a", "--reflink=auto", source, target]
    run_program(command, None, Path("/"), COPY_SECONDS, run_id=run_id)
    account.own(target)


def defaults(binaries: Binaries) -> dict[str, str]:
    """The settings that every server of ours begins with."""
    if binaries.major > BEFORE_JSONLOG:
        return dict(DEFAULTS)
    return DEFAULTS | {"log_destination": "stderr"}


def run_program(
    command: list[str | Path], account: Account | None, folder: Path, seconds: float, *, run_id: str
) -> None:
    """Run a program to its end. Raises StackError with the last line of what it wrote.

    It does not outlive us by long, and carries the run's mark: a copy that was killed with us still writes for some
    milliseconds, and `clean` must see it end before it removes the folder.
    """
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", MARK: run_id}
    try:
        done = subprocess.run(
            [*ended_with_us("KILL"), *command],
            cwd=folder, env=environment, timeout=seconds, check=False,
            capture_output=True, text=True, errors="replace", **(account.credentials() if account else {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise StackError(f"{Path(command[0]).name} did not end within {seconds:.0f} s") from None
    except OSError as error:
        raise StackError(f"{command[0]} could not be started: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise StackError(f"{Path(command[0]).name} failed: {lines[-1]}")


def quoted(value: str) -> str:
    """A value inside the single quotes of postgresql.conf."""
    return value.replace("\\", "\\\\").replace("'", "''")
