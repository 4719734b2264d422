"""What runs in a box sees programs and one folder, reaches nobody, and takes everything with it when it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.stacks.local import contained as program
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.walls import PROGRAMS, flaw, tried_here

SYSTEM_PYTHON = Path("/usr/bin/python3")
SOMEBODY = 12345
GOOD: dict[str, Any] = {
    "user": 65534, "interfaces": ["lo"], "network": False, "writable": [], "box": True, "processes": False, "seen": [],
    "namespaces": False,
}  # fmt: skip


@pytest.fixture
def place(contained: None) -> Iterator[Path]:
    """A folder with a box and a place for its root."""
    folder = Path(tempfile.mkdtemp(prefix="box-"))
    folder.chmod(0o711)
    (folder / "root").mkdir()
    unprivileged().folder(folder / "box")
    yield folder
    shutil.rmtree(folder)


def given(place: Path, **what: Any) -> str:
    account = unprivileged()
    usual = {
        "box": str(place / "box"), "root": str(place / "root"), "read_only": [(one, one) for one in PROGRAMS],
        "uid": account.uid, "gid": account.gid, "stdin": None, "most": None, "probe": None, "semaphores": None,
        "command": [],
    }  # fmt: skip
    return json.dumps({**usual, **what})


def run(place: Path, script: str, python: str = sys.executable, **what: Any) -> subprocess.CompletedProcess[str]:
    command = [python, "-I", "-S", program.__file__, given(place, command=["/bin/sh", "-c", script], **what)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd="/")


def test_the_trial_sees_nothing_and_reaches_nobody(place: Path) -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        program.__file__,
        given(place, probe=[str(place / "root"), "/etc/hostname", "/proc/1"]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == {**GOOD, "user": unprivileged().uid}
    assert flaw(json.loads(done.stdout)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"user": 0},
        {"interfaces": ["lo", "eth0"]},
        {"network": True},
        {"writable": ["/tmp"]},
        {"box": False},
        {"processes": True},
        {"seen": ["/etc/hostname"]},
        {"namespaces": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_flaw_of_a_containment_is_noticed(change: dict[str, Any]) -> None:
    assert flaw({**GOOD, **change})


def test_it_can_be_tried_without_a_run(contained: None) -> None:
    assert tried_here() is None


def test_only_the_box_can_be_written_to(place: Path) -> None:
    done = run(place, "echo good > inside; for one in / /usr /etc /dev /tmp; do echo bad > $one/outside; done; id -u")
    assert done.stdout.split() == [str(unprivileged().uid)]
    assert (place / "box" / "inside").read_text() == "good\n"
    assert done.stderr.count("cannot create") == 5


def test_its_exit_code_is_that_of_the_program(place: Path) -> None:
    assert run(place, "exit 7").returncode == 7
    assert run(place, "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_file_that_grows_too_large_ends_it(place: Path) -> None:
    done = run(place, "head -c 5000000 /dev/zero > large", most=1_000_000)
    assert done.returncode != 0
    assert (place / "box" / "large").stat().st_size <= 1_000_000


def test_everything_dies_with_it(place: Path) -> None:
    command = [sys.executable, "-I", "-S", program.__file__]
    script = "(sleep 987 &) ; sleep 987"
    process = subprocess.Popen([*command, given(place, command=["/bin/sh", "-c", script])])
    try:
        wait_for(lambda: len(sleepers()) == 2)
        process.kill()
        wait_for(lambda: not sleepers())
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="takes root, who can be somebody else")
def test_an_ordinary_user_is_contained_too(place: Path) -> None:
    for path in (place, place / "box", place / "root"):
        os.chown(path, SOMEBODY, SOMEBODY)
    become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
    copy = shutil.copy(program.__file__, place / "contained.py")  # the checkout may be private
    what = given(place, uid=SOMEBODY, gid=SOMEBODY, probe=[str(place / "root")])
    done = subprocess.run(
        [*become, str(SYSTEM_PYTHON), "-I", "-S", copy, what], capture_output=True, text=True, timeout=30, check=False
    )
    if program.PREFIX in done.stderr:
        pytest.skip(f"ordinary users get no namespaces here: {done.stderr}")
    assert flaw(json.loads(done.stdout)) is None


def sleepers() -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == b"sleep\x00987\x00":
                found.append(path)
        except OSError:
            continue
    return found


def wait_for(condition: Any) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)
