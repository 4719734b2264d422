"""Which runtime can give a stack which capability, where, and what a stack without it leaves unproven.

The table says what to expect; what a stack really can do is found out by trying, when it has started.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

from gonogo.core.errors import GonogoError
from gonogo.core.outcome import Capability
from gonogo.engine.plan import needed_capabilities
from gonogo.spec.content import Verification
from gonogo.stacks.interfaces import Stack
from gonogo.stacks.runtimes import RUNTIMES

OWN = ("docker", "embedded")  # runtimes that start the stack themselves
EXTERNAL = "external"


class Given(StrEnum):
    """Whether a runtime gives a capability."""

    YES = "yes"
    WHERE = "where"  # under a condition
    NO = "no"


@dataclass(frozen=True, slots=True)
class Support:
    """What a runtime gives; `note` is the condition, or why not."""

    given: Given
    note: str = ""

    def __str__(self) -> str:
        return f"{self.given}: {self.note}" if self.note else self.given.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capability: what each runtime gives, by name, and the verifications that need it."""

    capability: Capability
    support: Mapping[str, Support]
    needed_by: Sequence[str]


def _where(note: str) -> Support:
    return Support(Given.WHERE, note)


def _no(note: str) -> Support:
    return Support(Given.NO, note)


YES = Support(Given.YES)
STANDBY = _where("the stack file declares a standby")
SUPERUSED = _where("the server logs every statement as JSON, or may be told to")
DISPOSABLE = _where("the file says disposable: true and the command --allow-destructive")
NOT_OURS = _no("gonogo did not start it")
SOURCE = _where("source: of the application can be read here")
LOCUST = _where("gonogo[load] is installed")

# capability → (a runtime that starts the stack, external). Where the two of the first differ, DIFFERENT says so.
TABLE: Mapping[Capability, tuple[Support, Support]] = {
    Capability.SQL: (YES, _where("its dsn answers")),
    Capability.APPLICATION: (YES, _where("its url answers")),
    Capability.SOURCE: (SOURCE, SOURCE),
    Capability.READ_LOGS: (YES, NOT_OURS),
    Capability.CAPTURE: (_where("PostgreSQL is 15 or later"), SUPERUSED),
    Capability.WRITE: (YES, DISPOSABLE),
    Capability.KILL: (YES, NOT_OURS),
    Capability.PAUSE: (YES, NOT_OURS),
    Capability.PROMOTE: (STANDBY, NOT_OURS),
    Capability.FAILOVER: (STANDBY, _where("disposable, with hooks: failover and the dsn of a standby")),
    Capability.HOOKS: (_no("gonogo breaks what it started by itself"), _where("disposable, with hooks:")),
    Capability.RESTART_APPLICATION: (YES, _where("disposable, with hooks: restart_application")),
    Capability.SCRATCH_POSTGRES: (YES, NOT_OURS),
    Capability.PHYSICAL_RESTORE: (YES, NOT_OURS),
    Capability.SCRATCH_REDIS: (_where("the stack runs a Redis"), NOT_OURS),
    Capability.SCRATCH_CHROMA: (_where("the stack runs a Chroma"), NOT_OURS),
    Capability.LIMIT_DISK: (_where("the service has disk:, and this user may mount"), NOT_OURS),
    Capability.SCRATCH_APPLICATION: (YES, NOT_OURS),
    Capability.BACKUP_TOOLS: (YES, NOT_OURS),
    Capability.LLM_CONTROL: (_where("a service of kind openai_stub stands in for the model"), NOT_OURS),
    Capability.LOAD: (LOCUST, LOCUST),
}
DIFFERENT: Mapping[tuple[Capability, str], Support] = {
    (Capability.PAUSE, "docker"): _where("the engine controls groups of processes"),
    (Capability.PHYSICAL_RESTORE, "docker"): _where(
        "the server lets its files be copied, as that of a Compose project may not"
    ),
    (Capability.SCRATCH_REDIS, "docker"): _where("the stack runs a Redis, not as part of a Compose project"),
    (Capability.SCRATCH_CHROMA, "docker"): _where("the stack runs a Chroma, not as part of a Compose project"),
    (Capability.LIMIT_DISK, "docker"): _where("the service has a tmpfs of a size for its data"),
}


def expected(capability: Capability, runtime: str) -> Support:
    """What a runtime gives; a plug-in's counts as one that starts the stack. Raises KeyError for a new capability."""
    own, external = TABLE[capability]
    return external if runtime == EXTERNAL else DIFFERENT.get((capability, runtime), own)


def rows(verifications: Mapping[str, Verification]) -> list[Row]:
    """The whole table."""
    needed = costs(verifications)
    return [
        Row(
            capability=one, support={name: expected(one, name) for name in RUNTIMES.names()}, needed_by=needed[one],
        )
        for one in Capability
    ]  # fmt: skip


def costs(verifications: Mapping[str, Verification]) -> dict[Capability, list[str]]:
    """Which verifications each capability is needed for: what a stack without it leaves unproven."""
    table: dict[Capability, list[str]] = {capability: [] for capability in Capability}
    for identifier, verification in verifications.items():
        for capability in needed_capabilities(verification):
            table[capability].append(identifier)
    return table


def on_this_machine(row: Row) -> Iterator[tuple[str, Support]]:
    """(runtime, what it gives here), without starting anything."""
    for name, support in row.support.items():
        if not _usable(name):
            yield name, _no("cannot be used here, see above")
        elif support is LOCUST:
            yield name, YES if find_spec("locust") else _no("pip install 'gonogo[load]'")
        else:
            yield name, support


def _usable(runtime: str) -> bool:
    try:
        return RUNTIMES.load(runtime).available() is None
    except GonogoError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One capability of a stack that was started: `missing` is why it is not there, and `costs` what that leaves."""

    capability: Capability
    missing: str | None
    costs: Sequence[str]


def tried(stack: Stack, verifications: Mapping[str, Verification]) -> list[Tried]:
    """What a running stack can do, and what each lack leaves unproven."""
    needed = costs(verifications)
    return [
        Tried(
            capability=one, costs=needed[one],
            missing=None if one in stack.capabilities else stack.missing.get(one, f"the runtime has no {one}"),
        )
        for one in Capability
    ]  # fmt: skip
