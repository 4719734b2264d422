"""docs/reference/commands.md: the help texts."""

from __future__ import annotations

import click

from docs_pages.text import NOTICE
from gonogo.cli import main

WIDTH = 110
INTRODUCTION = """\
# Commands

What `gonogo COMMAND --help` prints. The options of runs can also come from the environment, as `GONOGO_<OPTION>`:
`GONOGO_STACK`, `GONOGO_RUNTIME`, `GONOGO_MAX_DURATION` …"""


def page() -> str:
    """The page."""
    parts = [NOTICE, INTRODUCTION, _help("gonogo", main)]
    parts += [_help(f"gonogo {name}", command) for name, command in all_commands().items()]
    return "\n\n".join(parts) + "\n"


def all_commands() -> dict[str, click.Command]:
    """Every command by name."""
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def _help(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    text = "\n".join(lines)
    return f"## {name}\n\n```text\n{text}\n```"
