"""The command line: one file per command, imported when it is used."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path

import click

from gonogo import __version__

EPILOG = """\
Exit codes: 0 GO (or PARTIAL) · 1 NO-GO · 2 usage or wrong YAML · 3 HOLD, something was not proven · 4 gonogo itself
failed or a fault is unhealed. Start with `gonogo demo`, or `gonogo list` to see what can be verified."""


OBJECTS_BETWEEN_COLLECTIONS = 100_000  # Python's 700 are for long lives: imports alone make hundreds of thousands
gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """Finds commands as files of this folder; nothing is listed twice."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, sorted."""
        del ctx
        return sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"gonogo.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every command with the whole first sentence of its help: half of one says nothing."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(one)) for name, one in commands if one is not None])


def _first_sentence(command: click.Command) -> str:
    text = " ".join((command.help or "").partition("\n\n")[0].split())
    return text.partition(". ")[0].removesuffix(".")


@click.group(cls=Commands, epilog=EPILOG, context_settings=SETTINGS)
@click.version_option(__version__, "-V", "--version", prog_name="gonogo")
def main() -> None:
    """Go or no-go? One verdict on a RAG stack: checks, load, chaos and restore drills on PostgreSQL + pgvector."""
