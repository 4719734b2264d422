"""Verifying a backup that somebody else made: no stack, no suite, one item that is planned from what was asked."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import NotMeasurable, StackError, UsageError
from gonogo.core.event import ItemProgressed, PlanMade
from gonogo.core.facts import Facts
from gonogo.core.finding import Expectation, Source
from gonogo.core.outcome import Area, Effect, Kind, Severity, SkipReason
from gonogo.core.plan import JudgingContext, Plan, PlanItem, ResolvedPolicy
from gonogo.core.quantity import format_seconds
from gonogo.drills.given import Asked, Given
from gonogo.drills.given.recognise import recognise
from gonogo.drills.given.remote import is_url, remote_of
from gonogo.engine.cpu import CpuMeter
from gonogo.engine.execute import Executor
from gonogo.engine.inputs import BACKUP_ITEM
from gonogo.engine.interruption import interruptible
from gonogo.engine.portraits import portrait_of
from gonogo.engine.run import Observer, Result, concluded, recorded, tool
from gonogo.engine.services import LocalRun
from gonogo.pg.portrait import Portrait, read_portrait
from gonogo.rundir.directory import CONTEXT, FACTS, PLAN, Recorder, RunDirectory
from gonogo.rundir.history import VERIFY_BACKUP
from gonogo.runners.explore import Exploring
from gonogo.runners.given import Request, Verifying
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.docker import engine
from gonogo.stacks.docker.programs import programs_of
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import Binaries, binaries_of
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import Spawner
from gonogo.stacks.references import References

WAYS = "restore_drills/ways_to_restore"
COMPARISON = "restore_drills/compared_with_reference"
RUNTIME = "embedded"
USUAL_IMAGE = "pgvector/pgvector:pg{}"
PREDICTED_S = 10.0  # of a small one; nobody knows before it is restored
LEAST_RECALL = 0.5  # of a search as wide as it gets: 0.87 to 1 of sound indexes, even of noise; 0.1 of a careless one
LEAST_REACH = 0.99  # of an index that is scanned to its end: 0.9999 of sound ones, 0.6 of a careless one
WITHOUT_REFERENCE = (
    "no --reference: nobody has compared its rows and values, columns and constraints, row security and policies, "
    "owners and grants, settings, functions, views and sequences with those of the database it was made from"
)
WHY = """\
A backup that was never restored is a hope: it may be cut, rotten, somebody else's, yesterday's, or without the policies
that keep tenants apart, and the tools that restore it exit with 0."""
WHY_WAYS = """\
How long a restore takes is mostly a matter of settings: building the vector index without enough memory takes several
times as long. What each way brings is measured on this very backup."""
REMEDY = """\
Look at `restored` first: it holds the tool's own words. What differs from the reference is listed one by one in
`differences`. Make the backup again, and keep the file of `gonogo fingerprint` beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """The options of the command line."""

    path: str  # of a file or folder, or a URL
    reference: str | None = None  # a connection string, or a facts file of `gonogo fingerprint`
    restore_time_s: float | None = None  # the longest that a restore may take
    asked: Asked = field(default_factory=Asked)
    trust: bool = False
    time_limit_s: float = 1800.0
    limit_bytes: int | None = None
    image: str | None = None  # whose PostgreSQL restores it; None: the one of this host, where it is of its version
    explore: bool = False  # measure also which way of restoring it is the fastest
    stack: str | None = None  # whose backup it is: the history keeps it under that name
    out: Path | None = None
    empty_cluster: Path | None = None  # for many verifications one after the other: see Request


def verify(options: VerifyOptions, observer: Observer, interruption: Interruption | None = None) -> Result:
    """Verify a backup. Raises UsageError, NotMeasurable before anything is started, never after."""
    remote = remote_of(options.path) if is_url(options.path) else None
    given = Given(path=Path(remote.name), size_bytes=0) if remote else recognise(Path(options.path))
    require_sensible(options, given)
    portrait = reference_of(options.reference) if options.reference else None
    request = Request(
        given=given,
        remote=remote,
        asked=options.asked,
        reference=portrait,
        limit_bytes=options.limit_bytes,
        trust=options.trust,
        empty_cluster=options.empty_cluster,
        image=options.image,
    )
    plan = plan_of(options, given)
    interruption = interruption or Interruption()
    name = options.stack or f"backup {given.path.name}"  # which no stack can be called
    info = {"stack": name, "suite": "verify-backup", "command": VERIFY_BACKUP, "tool": tool(), "commit": None}
    with interruptible(interruption), recorded(options.out, info, observer) as (directory, services):
        if remote is not None:
            services.secret(remote.url)
        directory.write(CONTEXT, _context(options, given, name, directory.run_id).to_json())
        directory.write(PLAN, plan.to_json())
        judgement = concluded(
            directory, interruption, lambda: _verified(request, plan, directory, services, interruption)
        )
    return Result(path=directory.path, judgement=judgement)


def require_sensible(options: VerifyOptions, given: Given) -> None:
    """Raise UsageError for what cannot be asked of such a backup."""
    asked, kind = options.asked, given.kind
    what = kind.value if kind else "compressed file"
    files = kind is not None and kind.physical
    brings = kind is not None and kind.brings_wal
    if asked.backup and not (kind is not None and kind.several):
        raise UsageError(f"--backup {asked.backup}: {given.path} is one backup, a {what}")
    if asked.wal is not None and brings:
        raise UsageError(f"--wal: a {what} brings its own WAL")
    if asked.wal is not None and not files:
        raise UsageError(f"--wal: no WAL can be replayed over a {what}")
    if asked.wal is not None and not asked.wal.is_dir():
        raise UsageError(f"--wal {asked.wal}: there is no such folder")
    if asked.target is not None and asked.wal is None and not brings:
        raise UsageError("--to: a moment is reached by replaying WAL: --wal FOLDER says where it is")
    if asked.tablespaces and not files:
        raise UsageError(f"--tablespace: a {what} has no folders outside of it")


def reference_of(text: str) -> Portrait:
    """The facts of a file or of a live database, which is only read. Raises UsageError, NotMeasurable."""
    if "://" in text or "=" in text:
        return portrait_of(text)
    try:
        content = Path(text).read_bytes()
    except OSError as error:
        hint = "a reference is a file of `gonogo fingerprint` or a connection string"
        raise UsageError(f"{text}: {error.strerror}; {hint}") from None
    return read_portrait(content, text)


def plan_of(options: VerifyOptions, given: Given) -> Plan:
    """The item, and without a reference what is left open."""
    compared = options.reference is not None
    files = given.kind is not None and given.kind.physical
    roles = given.kind is None or given.kind.brings_roles  # what is compressed shows later
    title = "The backup restores and is sound" + (", and equals its reference" if compared else "")
    expectations = _expectations(options, files=files, roles=roles, compared=compared)
    item = _item(BACKUP_ITEM, title, expectations=expectations, options=options)
    items = (item, _ways(options)) if options.explore else (item,)
    if compared:
        return Plan(items=items)
    left_open = _item(COMPARISON, "The backup equals its reference", options=options, left_out=WITHOUT_REFERENCE)
    return Plan(items=(*items, left_open))


def _ways(options: VerifyOptions) -> PlanItem:
    """Advice: whatever it shows, it is no verdict on the backup."""
    same = Expectation(observation="ways_differ", matcher="empty", expected=True)
    item = _item(WAYS, "Every way of restoring it brings the same", expectations=(same,), options=options)
    return replace(item, severity=Severity.LOW, gating=False, why=WHY_WAYS, remedy="", covers=("A6",))


def _item(
    identifier: str,
    title: str,
    *,
    options: VerifyOptions,
    expectations: tuple[Expectation, ...] = (),
    left_out: str = "",
) -> PlanItem:
    return PlanItem(
        id=identifier,
        kind=Kind.DRILL,
        title=title,
        area=Area.BACKUP,
        severity=Severity.CRITICAL,
        gating=True,
        source=Source(file=VERIFY_BACKUP, line=1),
        effects=Effect.WRITE,
        expectations=expectations,
        covers=("A6", "A7"),
        why=WHY,
        remedy=REMEDY,
        predicted_s=0.0 if left_out else PREDICTED_S,
        time_limit_s=options.time_limit_s,
        skip=SkipReason.DESELECTED if left_out else None,
        reason=left_out,
    )


def _expectations(options: VerifyOptions, *, files: bool, roles: bool, compared: bool) -> tuple[Expectation, ...]:
    """What must hold. Of files, and against a reference, more can be asked."""
    wanted: list[tuple[str, str, str | int | float | bool, bool]] = [
        ("restored", "equals", True, True),
        ("files_verified", "equals", True, files),
        ("rows", "at_least", 1, not compared),
        ("unreadable_relations", "empty", True, True),
        ("structure_errors", "empty", True, True),
        ("invalid_indexes", "empty", True, True),
        ("vector_index_used", "equals", True, True),
        ("vector_recall", "at_least", LEAST_RECALL, True),
        ("vector_index_reach", "at_least", LEAST_REACH, True),
        ("sequences_behind", "empty", True, True),
        ("fingerprints_differ", "equals", 0, compared),
        ("settings_lost", "empty", True, compared),
        ("broken_indexes", "empty", True, compared),
        ("roles_differ", "empty", True, compared and roles),
        ("not_compared", "empty", True, compared),
    ]
    found = [
        Expectation(observation=name, matcher=matcher, expected=expected)
        for name, matcher, expected, asked in wanted
        if asked
    ]
    for name, limit in (("restore_time", options.restore_time_s), ("backup_age", options.asked.max_age_s)):
        if limit is not None:
            text = format_seconds(limit)
            found.append(Expectation(observation=name, matcher="at_most", expected=limit, unit="s", text=text))
    return tuple(found)


def _context(options: VerifyOptions, given: Given, name: str, run_id: str) -> JudgingContext:
    policy = ResolvedPolicy(
        name="verify-backup",
        gates=(Severity.CRITICAL, Severity.HIGH),
        areas={Area.BACKUP.value: 1.0},
        accept_unsupported={},
        waivers=(),
    )
    return JudgingContext(
        run_id=run_id,
        as_of=datetime.now(UTC).isoformat(timespec="seconds"),
        policy=policy,
        suite="verify-backup",
        partial=None if options.reference else "compared with nothing",
        stack_name=name,
        runtime=RUNTIME,
        stack_fingerprint=hashlib.sha256(f"{given.path}{given.size_bytes}".encode()).hexdigest()[:16],
        command=VERIFY_BACKUP,
        tool=tool(),
    )


def _verified(
    request: Request, plan: Plan, directory: RunDirectory, services: LocalRun, interruption: Interruption
) -> float:
    """Run the plan. Returns the seconds that were not gonogo's own overhead."""
    running: list[Verifying] = []

    def run(item: PlanItem, deadline: Deadline) -> None:
        try:
            with _site(services, len(running), deadline) as site:
                if item.id == WAYS and not (running and running[0].size_bytes):
                    raise NotMeasurable("the backup was not restored, so there is nothing to choose between")
                asked = running[0].request if running else request  # a downloaded one lies here since
                recorder = Recorder(directory, item.id)
                verifying = (Exploring if item.id == WAYS else Verifying)(
                    request=asked,
                    recorder=recorder,
                    deadline=deadline,
                    site=site,
                    binaries=_programs(asked, site, recorder),
                    clock=PhaseClock("download" if asked.remote else "provision"),
                )
                running.append(verifying)
                verifying.run()
        except StackError as error:  # nothing to restore with, which is no fault of the backup
            raise NotMeasurable(str(error)) from error

    began = time.monotonic()
    to_run = sum(item.runs for item in plan.items)
    directory.append(PlanMade(items=len(plan.items), to_run=to_run, predicted_s=plan.predicted_s))
    directory.write(FACTS, _facts(request, None).to_json())
    with CpuMeter(list, directory.elapsed_s) as meter:
        Executor(directory, meter, interruption, run).run(plan)
    directory.write(FACTS, _facts(request, running[0] if running else None).to_json())
    return time.monotonic() - began


def _programs(request: Request, site: Site, recorder: Recorder) -> Binaries:
    """PostgreSQL of the image, else of this host, else of the usual image of the version that a folder of files says.

    Raises StackError.
    """

    def tell(message: str) -> None:
        recorder.event(ItemProgressed(id=recorder.item_id, message=message))

    if request.image is not None:
        return programs_of(request.image, site, tell)
    major = request.given.major
    here = binaries_of(major, site.account)
    if major in {None, here.major} or engine.problem():
        return here
    try:
        return programs_of(USUAL_IMAGE.format(major), site, tell)
    except StackError as error:
        raise StackError(f"it is of PostgreSQL {major}, here is {here.words}, and {error}") from error


@contextmanager
def _site(services: LocalRun, number: int, deadline: Deadline) -> Iterator[Site]:
    """Where the processes of an item live; what is left of them and of their files ends with it."""
    folder = services.scratch / str(number)
    folder.mkdir(mode=0o711)
    site = Site(
        run=services,
        scratch=folder,
        spawner=Spawner(),
        account=unprivileged(),
        references=References(folder=Path.cwd(), secret=services.secret),
        deadline=deadline,
        cache=cache_folder(),
    )
    try:
        yield site
    finally:
        site.spawner.close()
        shutil.rmtree(folder, ignore_errors=True)  # the run removes its scratch folder in any case


def _facts(request: Request, verifying: Verifying | None) -> Facts:
    """What the verdict is about."""
    given = verifying.request.given if verifying else request.given
    place = request.remote.shown if request.remote else given.path
    digest = f", sha256 {verifying.digest} of what was read" if verifying and verifying.digest else ""
    programs = {"postgresql": verifying.binaries.image} if verifying and verifying.binaries.image else {}
    return Facts(
        runtime=RUNTIME,
        versions=verifying.versions if verifying else {},
        images={"backup": f"{place} ({given.sentence}){digest}", **programs},
        data_size_bytes=verifying.size_bytes if verifying else None,
    )
