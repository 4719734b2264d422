"""`gonogo attest`: the certificate of a restore drill, for auditors."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gonogo import __version__
from gonogo.cli._options import option, reported
from gonogo.core.errors import UsageError
from gonogo.core.outcome import ExitCode

CERTIFICATE, PAGE = "certificate.json", "certificate.html"
MADE_BY_US = (CERTIFICATE, PAGE, f"{CERTIFICATE}.minisig", f"{CERTIFICATE}.sig")
STANDARD_ERROR = 2  # standard output names the files that were written
SIGNING_SECONDS = 300.0  # people type a password
COMMANDS = {  # how a key begins → how it signs FILE, with its signature beside it
    "untrusted comment:": ("minisign", "-S", "-s", "{key}", "-m", "{file}"),
    "-----BEGIN ": ("cosign", "sign-blob", "--yes", "--key", "{key}", "--output-signature", "{file}.sig", "{file}"),
}


@click.command()
@click.argument("run_directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@option("--issuer", default=None, metavar="NAME", help="Who issues it. Default: your login name.")
@click.option(
    "--sign-with",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    metavar="KEY",
    help="Sign certificate.json with this secret key of minisign or cosign, by that program.",
)
@click.option("--check", is_flag=True, help="Compare the certificate that is there with the evidence; writes nothing.")
@reported
def command(run_directory: Path, issuer: str | None, sign_with: Path | None, check: bool) -> None:
    """Certify the restore drills of RUN_DIRECTORY: certificate.json and certificate.html in it.

    Who, what, when, versions, image digests, phases, outcomes, the digest of every file of evidence, and the controls
    of ISO/IEC 27001 (A.8.13) and SOC 2 (A1.2, A1.3) that they speak of. A drill that failed is certified as failed. The
    evidence is judged again first: where run.json says something else, nothing is certified.

    Exit code of --check: 0 all is as certified, 1 something is not.
    """
    if check:
        sys.exit(_checked(run_directory))
    from gonogo.reports.certificate import certificate, page
    from gonogo.rundir.files import to_json, write_atomically

    record = _record(run_directory)
    document = certificate(record, issuer=issuer or getpass.getuser(), digests=dict(_digests(run_directory)))
    write_atomically(run_directory / CERTIFICATE, to_json(document).encode())
    write_atomically(run_directory / PAGE, page(document, record).encode())
    for name in MADE_BY_US[2:]:  # of an earlier certificate
        (run_directory / name).unlink(missing_ok=True)
    if sign_with is not None:
        _sign(run_directory / CERTIFICATE, sign_with)
    for name in MADE_BY_US:
        if (run_directory / name).exists():
            click.echo(run_directory / name)


def _record(folder: Path) -> dict[str, Any]:
    """run.json, after the evidence was judged again to the same bytes. Raises UsageError."""
    from gonogo.judge.run import judge, judgement_bytes
    from gonogo.rundir.directory import RUN

    try:
        content = (folder / RUN).read_bytes()
    except OSError as error:
        raise UsageError(f"{folder / RUN}: {error.strerror}; `gonogo judge {folder}` judges what is there") from None
    if judgement_bytes(judge(folder)) != content:
        raise UsageError(
            f"{folder / RUN} is not what its evidence comes to by this gonogo ({__version__}): nothing is certified"
        )
    record: dict[str, Any] = json.loads(content)
    return record


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below the run directory, without what this command writes. Raises UsageError for links."""
    import hashlib

    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise UsageError(f"{path} is a link: evidence lies in the run directory itself")
        if path.is_file() and name not in MADE_BY_US:
            with path.open("rb") as file:
                yield name, hashlib.file_digest(file, "sha256").hexdigest()


def _sign(file: Path, key: Path) -> None:
    """Let the key's own program sign; it may ask for a password. Raises UsageError."""
    beginning = key.read_bytes()[:64].decode(errors="replace")
    template = next((words for start, words in COMMANDS.items() if beginning.startswith(start)), None)
    if template is None:
        raise UsageError(f"{key} is no secret key of minisign or cosign")
    words = [word.format(key=key, file=file) for word in template]
    try:
        done = subprocess.run(words, check=False, timeout=SIGNING_SECONDS, stdout=STANDARD_ERROR)
    except FileNotFoundError:
        raise UsageError(f"{words[0]} is not installed: the certificate is written and not signed") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{words[0]} did not end within {SIGNING_SECONDS:.0f} s: not signed") from None
    if done.returncode:
        raise UsageError(f"{words[0]} ended with {done.returncode}: the certificate is written and not signed")


def _checked(folder: Path) -> int:
    """What differs between the certificate, the evidence, and its judgement; printed."""
    from gonogo.reports.certificate import certificate

    try:
        document = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / CERTIFICATE} cannot be read: {error}") from None
    now, then = dict(_digests(folder)), document.get("evidence", {})
    problems = [f"{name}: gone" for name in then if name not in now]
    problems += [f"{name}: changed" for name in then if name in now and now[name] != then[name]]
    problems += [f"{name}: was not there when it was certified" for name in now if name not in then]
    try:
        if not problems and certificate(_record(folder), issuer=document.get("issuer", ""), digests=now) != document:
            problems.append(f"{CERTIFICATE}: says something else than the evidence")
    except UsageError as error:
        problems.append(str(error))
    for problem in problems:
        click.echo(problem)
    if not problems:
        click.echo(f"{folder / CERTIFICATE}: all {len(now)} files are as certified, and come to the same judgement")
    return int(ExitCode.NO_GO if problems else ExitCode.GO)
