"""The command line answers at once; the stack answers seconds after it was asked for."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks._gonogo import gonogo
from benchmarks._result import Claim, Options, Result, Table
from gonogo.core.deadline import Deadline
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.local.cache import memory_file

COMMANDS = {("--help",): 0.15, ("list",): 0.4, ("plan",): 0.4}  # limits in seconds
FIRST_ANSWER_SECONDS = 3.0
START_LIMIT_SECONDS = 300.0
REMEMBERED = (
    "`list` and `plan` remember what they worked out about content that has not changed; the limits are for that."
)


def measure(options: Options) -> Result:
    """Every command and every start several times; the median decides, the fastest and slowest stand beside it."""
    repetitions = options.count(small=5, full=20)
    for arguments in COMMANDS:
        gonogo(*arguments)  # the first one compiles
    commands, processor = {}, {}
    for arguments in COMMANDS:
        before = _processor_seconds()
        commands[arguments] = [_seconds(arguments) for _ in range(repetitions)]
        processor[arguments] = (_processor_seconds() - before) / repetitions
    first = [_seconds_of_first_plan() for _ in range(repetitions)]
    _start_once()  # builds the template where there is none: not what is measured
    starts = [_start_once() for _ in range(options.count(small=3, full=10))]
    claims = [_command_claim(arguments, commands[arguments], limit) for arguments, limit in COMMANDS.items()]
    return Result(
        claims=[*claims, _start_claim(starts)],
        tables=[
            Table(
                title="Commands without a stack",
                columns=("command", "runs", "median s", "fastest s", "slowest s", "processor s"),
                rows=[
                    [f"gonogo {' '.join(one)}", *_spread(times), round(processor[one], 3)]
                    for one, times in commands.items()
                ]
                + [["gonogo plan, nothing remembered", *_spread(first), "-"]],
            ),
            Table(
                title="Starts of the reference stack from its template",
                columns=("what", "runs", "median s", "fastest s", "slowest s"),
                rows=[
                    ["all services answer", *_spread([one.started for one in starts])],
                    ["first correct answer to a search", *_spread([one.answered for one in starts])],
                    ["everything stopped", *_spread([one.stopped for one in starts])],
                ],
            ),
        ],
        notes=[
            "A command's time is that of its whole process, Python's own start included; processor time is a mean.",
            REMEMBERED,
        ],
        not_measured=["The first start of all, which initialises and fills the template, is left out."],
    )


def _seconds(arguments: Sequence[str]) -> float:
    ended = gonogo(*arguments)
    assert ended.code == 0, ended.err
    return ended.seconds


def _seconds_of_first_plan() -> float:
    """Of a plan after a change of gonogo: nothing is remembered of an earlier one."""
    if (remembered := memory_file()) is not None:
        remembered.unlink(missing_ok=True)
    return _seconds(("plan",))


def _processor_seconds() -> float:
    """What all children that ended have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spread(times: Sequence[float]) -> list[float]:
    return [len(times), *(round(one, 3) for one in (median(times), min(times), max(times)))]


def _command_claim(arguments: Sequence[str], times: Sequence[float], limit: float) -> Claim:
    return Claim(
        text=f"`gonogo {' '.join(arguments)}` takes at most {limit} s",
        measured=f"{median(times):.3f} s in the median of {len(times)}",
        holds=median(times) <= limit,
        of_time=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds: from the request until all services answer, until the first correct answer; and of the stop."""

    started: float
    answered: float
    stopped: float


def _start_claim(starts: Sequence[Start]) -> Claim:
    answered = median(one.answered for one in starts)
    return Claim(
        text=f"From a warm template the stack gives its first correct answer within {FIRST_ANSWER_SECONDS:.0f} s",
        measured=f"{answered:.2f} s in the median of {len(starts)}",
        holds=answered < FIRST_ANSWER_SECONDS,
        of_time=True,
    )


def _start_once() -> Start:
    """Start the reference stack, ask until an answer is right, stop it."""
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        inputs = read_inputs(RunOptions(out=Path(folder) / f"run-{os.getpid()}", runtime="embedded"))
        with opened(inputs, Observer()) as (_, services):
            began = time.monotonic()
            stack = start(inputs, services, Deadline.after(START_LIMIT_SECONDS))
            started = time.monotonic()
            try:
                with application_of(stack) as application:
                    question = questions_of(stack)[0]
                    found = application.search(question.tenant, question.question, 5)
                answered = time.monotonic()
                assert question.document in [hit.document for hit in found.hits], "the first answer is wrong"
            finally:
                stopping = time.monotonic()
                stack.close()
    return Start(started=started - began, answered=answered - began, stopped=time.monotonic() - stopping)
