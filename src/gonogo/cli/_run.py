"""What all commands that run something do: options → run → reports → exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.core.outcome import ExitCode, Kind

if TYPE_CHECKING:
    from gonogo.cli._progress import Progress
    from gonogo.engine.run import Result

# What the options of a run are when nobody gives them (for commands that have fewer options than `gate`).
DEFAULTS: dict[str, Any] = {
    "stack": "reference",
    "suite": "ci",
    "policy": None,
    "content": (),
    "only": (),
    "skip": (),
    "max_duration": None,
    "runtime": "auto",
    "out": None,
    "keep_up": False,
    "fail_on": "hold",
    "advisory": False,
    "allow_destructive": False,
    "history": None,
    "no_history": True,
    "require_recent": {},
}


def run_and_report(*, kinds: Sequence[Kind] = (), identifiers: Sequence[str] = (), command: str, **given: Any) -> None:
    """Run, write the reports, print the end, exit with the code that the run earned."""
    from gonogo.cli._progress import Progress
    from gonogo.engine.run import Observer, run

    chosen = run_options(kinds=kinds, identifiers=identifiers, command=command, **given)
    progress = Progress(
        quiet=given["quiet"] or given["as_json"], verbose=given["verbose"], colour=not given["no_color"]
    )
    with progress:
        result = run(chosen, Observer(event=progress.event, progress=progress.message))
    code = report_of(
        result,
        progress,
        fail_on=given["fail_on"],
        advisory=given["advisory"],
        as_json=given["as_json"],
        history=chosen.history,
    )
    sys.exit(code)


def report_of(
    result: Result, progress: Progress, *, fail_on: str, advisory: bool, as_json: bool, history: Path | None = None
) -> int:
    """Write the reports of a finished run, remember it, print its end; returns the exit code that it earned."""
    from gonogo.reports import write_all

    record = result.judgement.to_json()
    write_all(record, result.path)
    if history is not None:
        remember(record, history)
    if as_json:
        click.echo((result.path / "run.json").read_bytes(), nl=False)
    else:
        progress.verdict(record, result.path)
    code = exit_code(result.exit_code, fail_on=fail_on, advisory=advisory)
    if code != result.exit_code:  # it may have come from the environment, where nobody sees it
        option = "--advisory" if advisory else "--fail-on no-go"
        click.echo(f"gonogo: exit code {code} instead of {int(result.exit_code)}, because of {option}", err=True)
    return code


def remember(record: dict[str, Any], history: Path) -> None:
    """Add a run to the history. Where that fails the verdict stays what it is, and people are told."""
    from gonogo.core.errors import UsageError
    from gonogo.rundir.history import History

    try:
        History(history).append(record)
    except (OSError, UsageError) as error:
        reason = getattr(error, "strerror", None) or error
        click.echo(f"gonogo: this run is not in the history {history}: {reason}", err=True)


def run_options(*, kinds: Sequence[Kind], identifiers: Sequence[str], command: str, **given: Any) -> Any:
    """The engine's options from the command line's."""
    from gonogo.engine.inputs import RunOptions

    return RunOptions(
        stack=given["stack"],
        runtime=given["runtime"],
        suite=given["suite"],
        policy=given["policy"],
        content=tuple(given["content"]),
        only=(*given["only"], *identifiers),
        skip=tuple(given["skip"]),
        kinds=tuple(kinds),
        max_duration_s=given["max_duration"],
        out=given["out"],
        keep_up=given["keep_up"],
        command=command,
        compare_strategies=given.get("compare_strategies", False),
        allow_destructive=given["allow_destructive"],
        require_recent=given.get("require_recent", {}),
        history=None if given["no_history"] else given["history"],
    )


def exit_code(earned: ExitCode, *, fail_on: str, advisory: bool) -> int:
    """What the process ends with. Neither option hides that gonogo itself failed."""
    if earned is ExitCode.HARNESS_FAILED:
        return int(earned)
    if advisory or (earned is ExitCode.HOLD and fail_on == "no-go"):
        return 0
    return int(earned)


def content_id(kind: Kind, identifier: str) -> str:
    """`failover` → `chaos/failover`; a full id or a file of the folder stays what it is."""
    name = Path(identifier).with_suffix("").as_posix() if identifier.endswith((".yaml", ".yml")) else identifier
    return name if name.startswith(f"{kind.folder}/") else f"{kind.folder}/{name}"
