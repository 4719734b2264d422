"""Faults on stacks that gonogo did not start: the user's own commands, believed only with proof of their effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, GonogoError, MissingCapability, NotMeasurable
from gonogo.faults import HEAL_SECONDS, FaultDidNotHeal, FaultDidNotLand
from gonogo.faults._base import healed_on_error
from gonogo.pg.sessions import session
from gonogo.stacks.external.database import Cluster, ExternalPostgres
from gonogo.stacks.external.hooks import HookFailed, HookRun, Hooks, heal_again
from gonogo.stacks.external.stack import ExternalStack
from gonogo.stacks.external.web import ExternalHttp

if TYPE_CHECKING:
    from gonogo.spec.hook import HookName
    from gonogo.stacks.context import Context

LAST_LOOK_SECONDS = 2.0
POLL_SECONDS = 0.05
SESSION_SECONDS = 10.0
FLUSHED = "SELECT pg_current_wal_flush_lsn()::text"
WriteDown = Callable[[Mapping[str, object]], str]
REPLAYED = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"


def hooks_of(context: Context) -> Hooks | None:
    """The commands of a stack that gonogo did not start; None for one that it did."""
    return context.stack.hooks if isinstance(context.stack, ExternalStack) else None


@dataclass(slots=True, kw_only=True)
class Hooked:
    """A command's effect. `healed` waits for the proof that it is gone and returns that, or raises FaultDidNotHeal."""

    name: HookName
    hooks: Hooks
    record: str
    healed: Callable[[Deadline], str]
    proof: str = ""
    injected_at: float = 0.0
    ran: bool = False  # the command was started, so there may be something to undo
    _healed: str = field(default="", init=False)

    def heal(self, context: Context) -> str:
        """Run the healing command, where there is one, and prove that the stack is whole again."""
        if not self._healed:
            self._healed = self._mend(context) if self.ran else f"hooks.{self.name} was not run"
            context.run.undone(self.record)
        return self._healed

    def _mend(self, context: Context) -> str:
        failure: HookFailed | None = None
        try:
            try:
                if run := self.hooks.heal(self.name, context.deadline):
                    keep(context, f"hook_{self.name}_heal.log", run)
            except HookFailed as error:  # it may have been mended by somebody else: the proof decides
                failure = error
            proof = self.healed(context.deadline.within(LAST_LOOK_SECONDS) if failure else context.deadline)
            return f"{proof}, although {failure}" if failure else proof
        except DeadlineExceeded as error:
            raise FaultDidNotHeal(str(failure or error)) from error
        except (GonogoError, psycopg.Error) as error:
            raise FaultDidNotHeal(f"hooks.{self.name}: {error}") from error


def keep(context: Context, name: str, run: HookRun) -> None:
    """What a command said, as evidence."""
    context.recorder.artifact(name, f"{run.output}\n-- exit code 0 after {run.seconds:.3f} s\n")


def inject(
    context: Context,
    name: HookName,
    write_down: WriteDown,
    *,
    landed: Callable[[], str | None],
    waiting: Callable[[], str],
    healed: Callable[[Deadline], str],
) -> Hooked:
    """Run a command and wait for its effect. `landed()` is the proof, None so far; `waiting()` says what is missing.

    `write_down` keeps the fault's undo record.

    Raises FaultDidNotLand, MissingCapability.
    """
    hooks = _runnable(context, name)
    hooked = Hooked(name=name, hooks=hooks, record=write_down(hooks.record(name)), healed=healed)
    with healed_on_error(hooked, context):
        hooked.ran = True
        try:
            run = hooks.break_(name, context.deadline)
        except HookFailed as error:
            raise FaultDidNotLand(str(error)) from error
        hooked.injected_at = run.began_at
        keep(context, f"hook_{name}.log", run)
        proofs: list[str] = []

        def seen() -> bool:
            proofs[:] = [proof] if (proof := landed()) else []
            return bool(proofs)

        try:
            patience = hooks.specs[name].timeout
            context.deadline.within(patience).poll(seen, every_seconds=POLL_SECONDS, what=f"hooks.{name}")
        except DeadlineExceeded:
            context.deadline.check(f"hooks.{name} takes effect")
            raise FaultDidNotLand(f"hooks.{name} had no effect in {patience:g} s: {waiting()}") from None
        hooked.proof = f"hooks.{name} ended after {run.seconds:.1f} s: {proofs[0]}"
    return hooked


def _runnable(context: Context, name: HookName) -> Hooks:
    """The stack's commands, with this one among them. Raises MissingCapability."""
    hooks = hooks_of(context)
    if hooks is None:
        raise MissingCapability("what gonogo started it breaks by itself: hooks: are for the external runtime")
    if reason := hooks.missing(name):
        raise MissingCapability(reason)
    return hooks


def inject_failover(context: Context, service: str | None, write_down: WriteDown) -> Hooked:
    """Another server is the primary afterwards, and the old one does not accept writes."""
    old = database_of(context, "failover", service)
    cluster = old.cluster
    cluster.forget()
    if cluster.primary is not old:
        old = cluster.primary
    if not [one for one in cluster.servers if one is not old and one.in_recovery()]:
        raise NotMeasurable(f"no standby of {old.name} answers: nothing could take over")

    def landed() -> str | None:
        writable = cluster.writable()
        if len(writable) != 1 or writable[0] is old:
            return None
        cluster.forget()
        state = "is a standby" if old.in_recovery() else "does not answer"
        return f"{writable[0].name} accepts writes, {old.name} {state}"

    return inject(
        context,
        "failover",
        write_down,
        landed=landed,
        waiting=lambda: f"{_names(cluster.writable())} accept writes",
        healed=lambda deadline: _one_primary(cluster, deadline),
    )


def _names(servers: list[ExternalPostgres]) -> str:
    return " and ".join(one.name for one in servers) or "no server"


def database_of(context: Context, name: HookName, service: str | None) -> ExternalPostgres:
    """The server that a command acts on: the fault's, else the hook's own, else the data service's primary."""
    data_service = context.stack.spec.data.service
    wanted = service or _runnable(context, name).service(name, data_service)
    server = context.stack.postgres(None if wanted == data_service else wanted)
    if not isinstance(server, ExternalPostgres):
        raise MissingCapability(f"{server.name} is no server of an external stack")
    return server


def application_of_hook(context: Context, name: HookName) -> ExternalHttp:
    """The application that a command acts on."""
    wanted = _runnable(context, name).service(name, context.stack.spec.contract.service)
    service = context.stack.services.get(wanted)
    if not isinstance(service, ExternalHttp):
        raise MissingCapability(f"the stack has no application {wanted!r} that gonogo asks")
    return service


def _one_primary(cluster: Cluster, deadline: Deadline) -> str:
    """Exactly one server accepts writes, and all others have what it has."""
    what: list[str] = []

    def whole() -> bool:
        writable = cluster.writable()
        if len(writable) != 1:
            what[:] = [f"{_names(writable)} accept writes"]
            return False
        behind = [one.name for one in cluster.servers if one is not writable[0] and not _follows(one, writable[0])]
        what[:] = [f"{', '.join(behind)} does not follow {writable[0].name}"] if behind else []
        return not behind

    try:
        deadline.poll(whole, every_seconds=POLL_SECONDS, what="one primary, and standbys that follow it")
    except DeadlineExceeded:
        raise FaultDidNotHeal("; ".join(what)) from None
    cluster.forget()
    primary = cluster.primary
    others = ", ".join(one.name for one in cluster.servers if one is not primary)
    return f"{primary.name} is the only server that accepts writes, and {others} has all that it has"


def _follows(standby: ExternalPostgres, primary: ExternalPostgres) -> bool:
    """Whether a server is a standby that has replayed what the primary has flushed."""
    if not standby.in_recovery():
        return False
    try:
        with session(primary.dsn(), timeout_seconds=SESSION_SECONDS) as writer:
            flushed = writer.execute(FLUSHED).fetchone()
        with session(standby.dsn(), timeout_seconds=SESSION_SECONDS) as reader:
            row = reader.execute(REPLAYED, flushed).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def undo(data: Mapping[str, Any]) -> None:
    """After a killed run: the healing command of its stack file. Raises HookFailed, UsageError."""
    heal_again(data, Deadline.after(HEAL_SECONDS))
