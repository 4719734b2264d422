"""One run from its inputs to its judgement: start, discover, plan, execute, stop, judge."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gonogo import __version__
from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import GonogoError, Interrupted, MissingCapability, UnsupportedStack
from gonogo.core.event import (
    Event,
    HarnessFailed,
    PlanMade,
    RunFinished,
    RunInterrupted,
    RunStarted,
    StackFailed,
    StackStarted,
    StackStopped,
)
from gonogo.core.facts import Facts
from gonogo.core.outcome import ExitCode, Kind
from gonogo.core.plan import JudgingContext, Plan
from gonogo.engine.comparing import comparing
from gonogo.engine.cpu import CpuMeter
from gonogo.engine.discover import discover
from gonogo.engine.execute import Executor
from gonogo.engine.inputs import Inputs, RunOptions, read_inputs, resolve_policy
from gonogo.engine.interruption import interruptible
from gonogo.engine.items import ItemRunner
from gonogo.engine.past import past_runs
from gonogo.engine.plan import World, make_plan
from gonogo.engine.services import LocalRun, new_run_id
from gonogo.judge.judgement import Judgement
from gonogo.judge.run import judge, judgement_bytes
from gonogo.rundir.directory import CONTEXT, FACTS, PLAN, RUN, RunDirectory
from gonogo.rundir.files import write_atomically
from gonogo.rundir.state import RunIdentity, RunState, boot_id, scratch_root
from gonogo.stacks.interfaces import Housing, HttpService, PostgresServer, Stack, StackRequest

STACK_START_S = 300.0
LONGEST_HOLD_S = 24 * 3600.0
Listener = Callable[[float, Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished run."""

    path: Path
    judgement: Judgement

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the run earned."""
        return ExitCode(self.judgement.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told while a run goes on."""

    event: Listener = lambda _at, _event: None
    progress: Callable[[str], None] = lambda _message: None


def run(options: RunOptions, observer: Observer, interruption: Interruption | None = None) -> Result:
    """Run a suite or a part of it. Raises UsageError (SpecError) before anything is started, never after."""
    inputs = read_inputs(options)
    plan_offline(inputs)
    refuse_what_is_protected(inputs)
    interruption = interruption or Interruption()
    with interruptible(interruption), opened(inputs, observer) as (directory, services):
        judgement = concluded(directory, interruption, lambda: _on_stack(inputs, directory, services, interruption))
    return Result(path=directory.path, judgement=judgement)


def concluded(directory: RunDirectory, interruption: Interruption, work: Callable[[], float]) -> Judgement:
    """Do the work of a run, which gives the seconds that were not gonogo's own overhead; whatever happens, judge it."""
    began = time.monotonic()
    busy = 0.0
    try:
        busy = work()
    except Exception as error:  # noqa: BLE001 - the run's boundary: a failure of ours is recorded and judged
        text = "".join(traceback.format_exception(error))
        directory.append(HarnessFailed(reason=f"{type(error).__name__}: {error}", traceback=text))
    if interruption.is_set:
        directory.append(RunInterrupted(reason=interruption.reason or "interrupted"))
    wall = time.monotonic() - began
    directory.append(RunFinished(wall_s=round(wall, 3), overhead_s=round(wall - busy, 3)))
    judgement = judge(directory.path)
    write_atomically(directory.path / RUN, judgement_bytes(judgement))
    return judgement


def plan_offline(inputs: Inputs) -> Plan:
    """The plan as far as it can be made without a stack; finds every error of the content."""
    return make_plan(inputs, World())


def refuse_what_is_protected(inputs: Inputs) -> None:
    """`--allow-destructive` is refused before anything is touched. Raises UsageError."""
    options, loaded = inputs.options, inputs.stack
    runtime = loaded.spec.runtime if options.runtime == "auto" else options.runtime
    if options.allow_destructive and runtime == "external":
        from gonogo.stacks.external.attach import refuse_before_anything

        refuse_before_anything(loaded.spec, loaded.path, inputs.protected)


@contextmanager
def opened(inputs: Inputs, observer: Observer) -> Iterator[tuple[RunDirectory, LocalRun]]:
    """The run directory, the state folder and the scratch folder; the latter two go when nothing is left."""
    options = inputs.options
    info = {"stack": inputs.stack.spec.stack, "suite": inputs.suite.suite, "command": options.command}
    info |= {"allow_destructive": "yes"} if options.allow_destructive else {}
    with recorded(options.out, {**info, "tool": tool(), "commit": _commit(inputs)}, observer) as (directory, services):
        context = _judging_context(inputs, directory.run_id, runtime=options.runtime)
        directory.write(CONTEXT, context.to_json())
        yield directory, services


@contextmanager
def recorded(out: Path | None, info: Mapping[str, Any], observer: Observer) -> Iterator[tuple[RunDirectory, LocalRun]]:
    """The same for a run of any kind; `info` is what its first event tells of it."""
    run_id = new_run_id()
    directory = RunDirectory((out or Path("reports/runs") / run_id).absolute(), run_id=run_id)
    directory.listeners.append(observer.event)
    scratch = scratch_root() / run_id
    identity = RunIdentity(
        run_id=run_id,
        run_directory=str(directory.path),
        scratch=str(scratch),
        pid=os.getpid(),
        boot_id=boot_id(),
    )
    state = RunState(identity)
    services = LocalRun(directory, state, scratch, observer.progress)
    record = services.intend("scratch", {"path": str(scratch), "run_id": run_id})
    scratch.mkdir(mode=0o711)
    directory.append(RunStarted(info={"run_id": run_id, **info}))
    try:
        yield directory, services
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not scratch.exists():
            services.undone(record)
        state.close(forget=not state.open_records())


def _on_stack(inputs: Inputs, directory: RunDirectory, services: LocalRun, interruption: Interruption) -> float:
    """Start the stack, run the plan on it, stop it. Returns the seconds that were not gonogo's own overhead."""
    began = time.monotonic()
    try:
        stack = start(inputs, services, Deadline.after(STACK_START_S, interruption))
    except (GonogoError, OSError) as error:
        _failed(inputs, directory, error)
        return time.monotonic() - began
    overhead = 0.0
    directory.append(StackStarted(stack=stack.name, runtime=stack.runtime, seconds=round(time.monotonic() - began, 3)))
    try:
        overhead = _measured(inputs, directory, services, stack, interruption)
    except UnsupportedStack as error:  # a defect that it cannot have
        _failed(inputs, directory, error)
    finally:
        if inputs.options.keep_up and not interruption.is_set:
            hold(stack, services, interruption)
        stopping = time.monotonic()
        stack.close()
        stopped = time.monotonic() - stopping
        directory.append(StackStopped(seconds=round(stopped, 3), kept=stack.runtime == "external"))
    return time.monotonic() - began - overhead


def _failed(inputs: Inputs, directory: RunDirectory, error: Exception) -> None:
    """Nothing can be measured: every item of the plan says why."""
    if not isinstance(error, Interrupted):
        directory.append(
            StackFailed(reason=str(error), unsupported=isinstance(error, (UnsupportedStack, MissingCapability)))
        )
    directory.write(PLAN, make_plan(inputs, World(failure=str(error))).to_json())


def hold(stack: Stack, services: LocalRun, interruption: Interruption) -> None:
    """Leave the stack up for people to look at, until they end it. That is no interruption of the run.

    One that came before this function listens itself is not lost: then the stack is not kept up at all.
    """
    where = addresses(stack)
    services.state.hold(where)
    for line in where:
        services.show(line)
    services.show("The stack is kept up; Ctrl-C (or `gonogo down`) stops it.")
    ended = Interruption()
    with interruptible(ended):
        if not interruption.is_set:
            ended.wait(LONGEST_HOLD_S)


def addresses(stack: Stack) -> list[str]:
    """Where the services of a stack answer and how to get in, one line each: with the passwords made for this run."""
    lines = []
    for name, service in stack.services.items():
        if isinstance(service, PostgresServer):
            lines.append(f"{name}: {service.dsn()}")
        elif isinstance(service, HttpService):
            lines.append(f"{name}: {service.url}")
    secrets = {key: value for key, value in stack.references.items() if key.startswith("generated.")}
    return [*lines, *(f"{key.removeprefix('generated.')}: {value}" for key, value in secrets.items())]


def start(inputs: Inputs, services: LocalRun, deadline: Deadline) -> Stack:
    """Start the stack on the chosen runtime. Raises StackError, UsageError, Interrupted."""
    from gonogo.stacks.start import choose_runtime, start_stack

    loaded = inputs.stack
    runtime = choose_runtime(loaded.spec, inputs.options.runtime)
    request = StackRequest(
        spec=loaded.spec,
        spec_path=loaded.path,
        run=services,
        deadline=deadline,
        application_source=inputs.options.application_source,
        allow_destructive=inputs.options.allow_destructive,
        protected=inputs.protected,
    )
    return start_stack(request, runtime)


def _measured(
    inputs: Inputs, directory: RunDirectory, services: LocalRun, stack: Stack, interruption: Interruption
) -> float:
    """Discover, plan, execute; returns the seconds that went into gonogo's own work between the items."""
    began = time.monotonic()
    facts = discover(stack)
    if inputs.options.sql_defect is not None:
        from gonogo.engine.sabotage import apply_sql

        apply_sql(inputs.options.sql_defect, stack, facts, Deadline.after(STACK_START_S, interruption))
        facts = discover(stack)
    for problem in facts.problems:
        services.progress(f"not found out: {problem}")
    directory.write(FACTS, facts.to_json())
    context = _judging_context(inputs, directory.run_id, runtime=stack.runtime, facts=facts)
    directory.write(CONTEXT, context.to_json())
    missing = {capability.value: reason for capability, reason in stack.missing.items()}
    plan = make_plan(inputs, World(capabilities=stack.capabilities, missing=missing, facts=facts))
    directory.write(PLAN, plan.to_json())
    to_run = sum(item.runs for item in plan.items)
    directory.append(PlanMade(items=len(plan.items), to_run=to_run, predicted_s=round(plan.predicted_s, 1)))
    runner = ItemRunner(inputs=inputs, stack=stack, facts=facts, directory=directory, run=services)
    with CpuMeter(lambda: _working(stack), directory.elapsed_s) as meter:
        compared = inputs.options.compare_strategies
        with comparing(runner, plan) if compared else nullcontext(runner) as run_item:
            executor = Executor(directory, meter, interruption, run_item)
            executor.run(plan)
    return time.monotonic() - began - executor.busy_seconds


def _working(stack: Stack) -> list[int]:
    """Processes whose work is ours although they may not be below us."""
    pids = [pid for service in list(stack.services.values()) for pid in service.pids()]
    return [*pids, *(stack.holders() if isinstance(stack, Housing) else ())]


def _judging_context(inputs: Inputs, run_id: str, *, runtime: str, facts: Facts | None = None) -> JudgingContext:
    policy, partial = resolve_policy(inputs.policy), partial_reason(inputs)
    if partial:  # a part is never a GO: nobody looks for what the whole would have to show
        policy = replace(policy, require=(), require_recent={})
    past, history = past_runs(inputs, policy, runtime)
    return JudgingContext(
        run_id=run_id,
        as_of=datetime.now(UTC).isoformat(timespec="seconds"),
        policy=policy,
        suite=inputs.suite.suite,
        partial=partial,
        stack_name=inputs.stack.spec.stack,
        runtime=runtime,
        stack_fingerprint=stack_fingerprint(inputs, facts),
        command=inputs.options.command,
        tool=tool(),
        commit=_commit(inputs),
        past=past,
        history=history,
    )


def partial_reason(inputs: Inputs) -> str | None:
    """Why a run is only a part of its suite; None for a whole one."""
    options = inputs.options
    if options.only:
        return f"only {', '.join(options.only)} was selected"
    if options.kinds:
        kinds = " and ".join(_plural(kind) for kind in options.kinds)
        return f"only {kinds} were selected"
    return None


def _plural(kind: Kind) -> str:
    return {Kind.CHECK: "checks", Kind.LOAD: "load profiles", Kind.CHAOS: "chaos scenarios"}.get(kind, "drills")


def stack_fingerprint(inputs: Inputs, facts: Facts | None) -> str:
    """A digest of the stack file and of what really ran: two runs with the same one are about the same thing."""
    ran = {"versions": facts.versions, "images": facts.images} if facts else {}
    text = json.dumps([inputs.stack.document.data, ran], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tool() -> dict[str, str]:
    """What runs, for the record."""
    return {"name": "gonogo", "version": __version__}


def _commit(inputs: Inputs) -> str | None:
    """The commit of the working tree that the stack file lies in, with `+changes`; None outside of a repository."""
    folder = inputs.stack.path.parent
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+changes", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
