"""How a command ends: a crash of gonogo is no NO-GO."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from gonogo.cli._options import reported
from gonogo.cli._run import exit_code
from gonogo.core.errors import HarnessError, UsageError
from gonogo.core.outcome import ExitCode


def ending_in(error: BaseException) -> click.Command:
    @click.command()
    @reported
    def command() -> NoReturn:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such check"), 2, "gonogo: no such check"),
        (HarnessError("no room"), 4, "gonogo: no room"),
        (ValueError("not foreseen"), 4, "a mistake of its own"),
        (AssertionError(), 4, "a mistake of its own"),
        (click.UsageError("a wrong option"), 2, "a wrong option"),
        (click.exceptions.Exit(3), 3, ""),
        (KeyboardInterrupt(), 3, "gonogo: interrupted"),
    ],
)
def test_every_error_has_its_exit_code_and_none_is_that_of_a_no_go(error: BaseException, code: int, said: str) -> None:
    result = CliRunner().invoke(ending_in(error))
    assert (result.exit_code, said in result.output) == (code, True)


@pytest.mark.parametrize(
    ("earned", "fail_on", "advisory", "code"),
    [
        (ExitCode.HOLD, "hold", False, 3),
        (ExitCode.HOLD, "no-go", False, 0),
        (ExitCode.NO_GO, "no-go", False, 1),
        (ExitCode.NO_GO, "hold", True, 0),
        (ExitCode.HARNESS_FAILED, "no-go", True, 4),
    ],
)
def test_neither_option_hides_a_failure_of_gonogo(earned: ExitCode, fail_on: str, advisory: bool, code: int) -> None:
    decide: Callable[..., int] = exit_code
    assert decide(earned, fail_on=fail_on, advisory=advisory) == code
