"""The reference stack on Docker, from its template: the first right answer and the end, against the same by hand."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._docker import docker
from benchmarks._result import ROOT, Claim, Options, Result, Table
from gonogo.core.deadline import Deadline
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.stacks import openai_stub
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.docker.images import mirror_map, replaced
from gonogo.stacks.docker.templates import owner_of
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.ports import Ports
from gonogo.stacks.local.templates import ADMIN_PASSWORD

RATIO = 1.5
STOP_SECONDS = 5.0
START_LIMIT_SECONDS = 300.0
BY_HAND_SECONDS = 300.0
CORPUS = ROOT / "examples/reference_rag/corpus/questions.jsonl"
PORTS = ("DB_PORT", "REPLICA_PORT", "LLM_PORT", "APP_PORT")
IMAGES = {"POSTGRES": "pgvector/pgvector:pg17", "REDIS": "redis:7", "PYTHON": "python:3.12-slim"}

COMPARED = """\
By hand is benchmarks/docker_by_hand.sh: the same five containers of the same images, their data copied from the same
seeded volume, with the settings that matter, ports on 127.0.0.1, new passwords, a standby that streams and confirms.
It does not build the application's image, keeps no logs and finds out no capabilities: that counts against gonogo."""


def measure(options: Options) -> Result:
    """Pairs, each begun by the other one: what changes on the machine, and what one leaves for the next, meets both."""
    pairs = options.count(small=3, full=10)
    ours, hands = [], []
    given, template = _start_once()[1:]  # builds the template where there is none: not what is measured
    for number in range(pairs):
        if number % 2:
            hands.append(_by_hand(given, template))
        ours.append(_start_once()[0])
        if not number % 2:
            hands.append(_by_hand(given, template))
    ratio = median(one.answered for one in ours) / median(one.answered for one in hands)
    stopped = [one.stopped for one in ours]
    return Result(
        claims=[
            Claim(
                text=f"On Docker the first right answer is there within {RATIO} times as long as by hand",
                measured=f"{ratio:.2f} times as long, medians of {pairs} alternating pairs",
                holds=ratio <= RATIO,
                of_time=True,
            ),
            Claim(
                text=f"On Docker the stack is gone within {STOP_SECONDS:.0f} s",
                measured=f"{max(stopped):.2f} s at most, {median(stopped):.2f} s in the median of {pairs}",
                holds=max(stopped) < STOP_SECONDS,
                of_time=True,
            ),
        ],
        tables=[_table(ours, hands)],
        notes=[COMPARED],
        not_measured=["The first start of all, which builds the image and fills the template, is left out."],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Seconds until the first right answer, and of the end."""

    answered: float
    stopped: float


def _table(ours: list[Timed], hands: list[Timed]) -> Table:
    rows: list[list[Any]] = []
    for number, (one, hand) in enumerate(zip(ours, hands, strict=True), 1):
        times = (one.answered, hand.answered, one.stopped, hand.stopped)
        rows.append([number, *(round(seconds, 2) for seconds in times)])
    columns = ("pair", "first answer, gonogo s", "by hand s", "end, gonogo s", "by hand s")
    return Table(title="Every pair", columns=columns, rows=rows)


def _used() -> dict[Path, float]:
    """When each template was used last. A folder's name is the template's key."""
    folder = cache_folder() / "docker" / "templates"
    folders = [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []
    return {one: one.stat().st_mtime for one in folders}


def _start_once() -> tuple[Timed, dict[str, str], Path]:
    """Start the stack, ask until an answer is right, stop it. Also the application's image, and the template."""
    before = _used()
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        inputs = read_inputs(RunOptions(out=Path(folder) / "run", runtime="docker"))
        with opened(inputs, Observer()) as (_, services):
            began = time.monotonic()
            stack = start(inputs, services, Deadline.after(START_LIMIT_SECONDS))
            try:
                with application_of(stack) as application:
                    question = questions_of(stack)[0]
                    found = application.search(question.tenant, question.question, 5)
                answered = time.monotonic()
                changed = [one for one, at in _used().items() if before.get(one) != at]
                assert len(changed) == 1, "another gonogo starts stacks on Docker here"
                template = changed[0]
                assert question.document in [hit.document for hit in found.hits], "the first answer is wrong"
                given = {"APP": _image_of(services.run_id, "app")}
            finally:
                stopping = time.monotonic()
                stack.close()
        return Timed(answered=answered - began, stopped=time.monotonic() - stopping), given, template


def _image_of(run_id: str, service: str) -> str:
    labels = ("--filter", f"label=org.gonogo.run={run_id}", "--filter", f"label=org.gonogo.service={service}")
    container = docker("ps", "--quiet", *labels)
    return docker("inspect", "--format", "{{.Image}}", container)


def _by_hand(given: dict[str, str], template: Path) -> Timed:
    question = json.loads(CORPUS.read_text().splitlines()[0])
    ports, mirrors = Ports(), mirror_map()
    environment = {
        **os.environ,
        **{name: str(ports.take()) for name in PORTS},
        **{name: replaced(image, mirrors) for name, image in IMAGES.items()},
        **given,
        "NAME": f"by-hand-{secrets.token_hex(4)}",
        "TEMPLATE": f"gonogo-template-{owner_of(cache_folder())}-{template.name}-db",
        "TEMPLATE_PASSWORD": (template / "db" / ADMIN_PASSWORD).read_text(),
        "STUB": openai_stub.__file__,
        "QUERY": json.dumps({"query": question["question"], "k": 5}),
        "DOCUMENT": question["document"],
    }
    script = subprocess.Popen(
        [ROOT / "benchmarks/docker_by_hand.sh"], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = script.communicate(timeout=BY_HAND_SECONDS)
    finally:
        if script.poll() is None:
            script.terminate()  # its trap removes what it made
            script.wait()
    assert script.returncode == 0, err
    times = dict(line.split() for line in out.splitlines())
    return Timed(answered=float(times["answered"]), stopped=float(times["stopped"]))
