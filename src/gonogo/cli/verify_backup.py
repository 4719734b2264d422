"""`gonogo verify-backup`: drill a backup that somebody else made."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli._options import FOLDER, HISTORY, OUTPUT, Duration, option, options, reported, sentence
from gonogo.cli._run import report_of
from gonogo.core.outcome import ExitCode

if TYPE_CHECKING:
    from gonogo.core.deadline import Interruption
    from gonogo.drills.given.target import Target
    from gonogo.engine.verify import VerifyOptions

WORST_FIRST = (ExitCode.HARNESS_FAILED, ExitCode.NO_GO, ExitCode.USAGE, ExitCode.HOLD, ExitCode.GO)


class Size(click.ParamType[int]):
    """A size such as `500MB` or `20GB`; in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        from gonogo.core.quantity import parse_quantity

        try:
            quantity = parse_quantity(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if quantity.unit != "B" or quantity.value < 1:
            self.fail(f"{value!r} is not a size such as 500MB or 20GB", param, ctx)
        return int(quantity.value)


class Moment(click.ParamType["Target"]):
    """Where a recovery is to end."""

    name = "TIME|LSN|XID|NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """As the server names it."""
        from gonogo.drills.given.target import target_of

        try:
            return target_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


ASKED = (
    click.option(
        "--reference",
        metavar="DSN|FACTS.json",
        help="Compare with a live database (only read, by a superuser) or a file of `gonogo fingerprint`.",
    ),
    click.option(
        "--backup",
        metavar="LABEL",
        default="",
        help="Which of several backups, as it is called there. Default: the newest.",
    ),
    click.option(
        "--wal",
        type=FOLDER,
        default=None,
        help="A folder of archived or received WAL (also .partial, compressed) to replay over a base backup.",
    ),
    click.option(
        "--to",
        type=Moment(),
        default=None,
        help="Replay up to a time (with its zone), LSN, transaction, or restore point. Default: the end of --wal.",
    ),
    click.option(
        "--tablespace",
        "tablespaces",
        type=FOLDER,
        multiple=True,
        help="A folder outside of PATH where a tablespace of the backup lies, which may be read. Repeatable.",
    ),
    click.option(
        "--max-age",
        type=Duration(),
        default=None,
        help="The oldest that the backup may be, by what is in it: a job that stopped leaves one that restores well.",
    ),
    click.option("--rto", type=Duration(), default=None, help="The longest that the restore may take here."),
    click.option(
        "--time-limit", type=Duration(), default="30min", show_default=True, help="For everything; then it is HOLD."
    ),
    click.option(
        "--max-size",
        type=Size(),
        default=None,
        help="What may be written while it is restored. Default: 2 GiB and 100 times the backup, if the disk has it.",
    ),
    click.option(
        "--image",
        default=None,
        help="A container image whose PostgreSQL and extensions restore it, without running a container. Default: the"
        " PostgreSQL of this host; for files of another version pgvector/pgvector:pg<version>, if Docker answers.",
    ),
    click.option(
        "--trust-artefact",
        is_flag=True,
        help="Restore it also where it cannot be contained: its code then runs as an ordinary user of this host.",
    ),
    click.option(
        "--explore",
        is_flag=True,
        help="Restore it also in other ways, side by side, and say which is the fastest. Takes several times as long.",
    ),
    option(
        "--stack",
        default=None,
        help="Stack file, or name, whose backup it is: `gate --require-drill verify_backup` on it asks for this.",
    ),
    option("--out", type=FOLDER, default=None, help="Run directory. Default: reports/runs/<run id>."),
    click.option("--advisory", is_flag=True, help="Report, but exit 0 (unless gonogo itself failed)."),
)


@click.command()
@click.argument("paths", metavar="PATH|URL...", nargs=-1, required=True)
@options(ASKED, HISTORY, OUTPUT)
@reported
def command(paths: tuple[str, ...], **given: Any) -> None:
    """Restore backups that somebody else made, each in a box, and say whether they are sound. No stack file.

    PATH is a dump of pg_dump (-Fc, -Fd, -Ft, or plain SQL, also compressed by gzip, zstd or lz4) or of pg_dumpall, the
    folder of a base backup of pg_basebackup (plain, or base.tar, also compressed), a folder of such folders, full and
    incremental, or a repository of pgBackRest or Barman, restored by its own tool. What it is shows from what is in it.
    It is only read. A file may also lie at an https:// or http:// URL (one that a store of objects has signed): it is
    downloaded, which is a phase of its restore.

    It needs a PostgreSQL of its major version (a dump: or a newer one) with its extensions: the embedded one, one of a
    system package, the one of GONOGO_PG_BINDIR, or that of an image. A backup can run code, so everything runs without
    network, as nobody, with nothing of this host to see; where that cannot be had the answer is HOLD.

    Without --reference a good backup is PARTIAL (exit 0): it restores, is sound, and was compared with nothing. A live
    reference is compared as it is now: what was written since the backup differs.

    Of several backups each has a run and a verdict of its own; the exit code is that of the worst.
    """
    if len(paths) > 1 and given["out"]:
        raise click.UsageError("--out is the run directory of one backup, and there are several")
    from gonogo.core.deadline import Interruption

    interruption = Interruption()
    codes = [_verified(path, interruption, given) for path in paths]
    sys.exit(min(codes, key=WORST_FIRST.index))


def _verified(path: str, interruption: Interruption, given: Mapping[str, Any]) -> int:
    """One of them: its run, its reports, and the exit code that it earned."""
    from gonogo.cli._progress import Progress
    from gonogo.core.errors import NotMeasurable, UsageError
    from gonogo.engine.run import Observer
    from gonogo.engine.verify import verify

    if interruption.is_set:
        click.echo(f"gonogo: {path} was not verified: {interruption.reason}", err=True)
        return ExitCode.HOLD
    progress = Progress(
        quiet=given["quiet"] or given["as_json"], verbose=given["verbose"], colour=not given["no_color"]
    )
    try:
        with progress:
            observer = Observer(event=progress.event, progress=progress.message)
            result = verify(_asked(path, given), observer, interruption)
    except UsageError as error:  # the next one may be better
        click.echo(sentence(error), err=True)
        return ExitCode.USAGE
    except NotMeasurable as error:  # of the reference: nothing was started
        click.echo(f"gonogo: {error}", err=True)
        return ExitCode.HOLD
    return report_of(
        result,
        progress,
        fail_on="hold",
        advisory=given["advisory"],
        as_json=given["as_json"],
        history=None if given["no_history"] else given["history"],
    )


def _asked(path: str, given: Mapping[str, Any]) -> VerifyOptions:
    from gonogo.drills.given import Asked
    from gonogo.engine.inputs import RunOptions, load_stack
    from gonogo.engine.verify import VerifyOptions

    return VerifyOptions(
        path=path,
        reference=given["reference"],
        asked=Asked(
            backup=given["backup"],
            tablespaces=given["tablespaces"],
            wal=given["wal"],
            target=given["to"],
            max_age_s=given["max_age"],
        ),
        restore_time_s=given["rto"],
        trust=given["trust_artefact"],
        time_limit_s=given["time_limit"],
        limit_bytes=given["max_size"],
        image=given["image"],
        explore=given["explore"],
        stack=load_stack(RunOptions(stack=given["stack"])).spec.stack if given["stack"] else None,
        out=given["out"],
    )
