"""Options that commands share, and how errors become exit codes."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gonogo.core.errors import GonogoError, UsageError
from gonogo.core.outcome import ExitCode

FOLDER = click.Path(path_type=Path, file_okay=False)


class Duration(click.ParamType[float]):
    """A duration such as `90s` or `5min`; in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        from gonogo.core.quantity import parse_quantity

        try:
            quantity = parse_quantity(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if quantity.unit != "s":
            self.fail(f"{value!r} is not a duration such as 90s or 5min", param, ctx)
        return float(quantity.value)


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """A click option whose default can come from GONOGO_<NAME>."""
    variable = "GONOGO_" + names[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=False, **attributes)


WHAT = (
    option("--stack", default="reference", show_default=True, help="Stack file, or the name of one in config/stacks."),
    option("--suite", default="ci", show_default=True, help="Suite file, or the name of one in config/suites."),
    option("--policy", default=None, help="Policy file or name; default: the suite's own."),
    option("--content", multiple=True, type=FOLDER, help="A folder of your own checks, profiles, scenarios, drills."),
    option(
        "--only", multiple=True, metavar="ID", help="Run only these verifications (globs allowed): PARTIAL at best."
    ),
    option("--skip", multiple=True, metavar="ID", help="Leave these out: the verdict becomes HOLD."),
    option("--max-duration", type=Duration(), default=None, help="Leave out the last verifications beyond this: HOLD."),
)
HISTORY = (
    option(
        "--history",
        type=click.Path(path_type=Path, dir_okay=False),
        default="reports/history.sqlite",
        show_default=True,
        help="Where the outcome is added for `gonogo history` and --require-drill.",
    ),
    click.option("--no-history", is_flag=True, help="Add nothing to it."),
)
HOW = (
    option(
        "--runtime",
        type=click.Choice(["auto", "docker", "embedded", "external"]),
        default="auto",
        show_default=True,
        help="How the stack is run. auto says what it chose.",
    ),
    option("--out", type=FOLDER, default=None, help="Run directory. Default: reports/runs/<run id>."),
    option("--keep-up", is_flag=True, help="Leave the stack up at the end until Ctrl-C."),
    option(
        "--fail-on",
        type=click.Choice(["hold", "no-go"]),
        default="hold",
        show_default=True,
        help="hold: exit 3 on HOLD; no-go: exit 0 on HOLD.",
    ),
    click.option(  # never from the environment: whoever means it types it
        "--allow-destructive",
        is_flag=True,
        help="External stacks that say `disposable: true`: also write, load and break. Never what is `protected`.",
    ),
    option("--advisory", is_flag=True, help="Report, but exit 0 (unless gonogo itself failed)."),
)
OUTPUT = (
    click.option("--json", "as_json", is_flag=True, help="Print run.json on standard output and nothing else there."),
    click.option("--no-color", is_flag=True, envvar="NO_COLOR", help="No colours."),
    click.option("-q", "--quiet", is_flag=True, help="Only the verdict."),
    click.option("-v", "--verbose", is_flag=True, help="Also what long verifications are doing."),
)


def options(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """Apply groups of options in the order in which help shows them."""

    def decorate(function: Any) -> Any:
        for group in reversed(groups):
            for one in reversed(group):
                function = one(function)
        return function

    return decorate


def sentence(error: UsageError) -> str:
    """A user's mistake, as it is printed; several of a file stand in lines of their own."""
    return f"gonogo: {error}" if "\n" not in str(error) else str(error)


def reported(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn gonogo's errors into one message and the right exit code; never a traceback for a user's mistake."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except UsageError as error:
            click.echo(sentence(error), err=True)
            sys.exit(ExitCode.USAGE)
        except GonogoError as error:
            click.echo(f"gonogo: {error}", err=True)
            sys.exit(ExitCode.HARNESS_FAILED)
        except BrokenPipeError:  # `gonogo list | head`: whoever read has gone, and there is nobody to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitCode.HARNESS_FAILED)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"gonogo: {where}{error.strerror or error}", err=True)
            sys.exit(ExitCode.HARNESS_FAILED)
        except KeyboardInterrupt:  # click would end with 1; a run that has begun ends by itself, in its own way
            click.echo("gonogo: interrupted", err=True)
            sys.exit(ExitCode.HOLD)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:  # noqa: BLE001 - Python ends with 1 after a crash, and 1 is a NO-GO
            click.echo(f"gonogo failed; this is a mistake of its own:\n{traceback.format_exc()}", err=True)
            sys.exit(ExitCode.HARNESS_FAILED)

    return wrapped
