"""The closed sets of the design: outcomes, severities, areas, kinds, verdicts and exit codes."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Outcome(StrEnum):
    """What a verification came to. A crash is UNKNOWN: never FAIL, never silence."""

    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"


class SkipReason(StrEnum):
    """Why an item of the plan does not run; decided when the plan is made."""

    DESELECTED = "deselected"  # not part of what the caller asked for
    DROPPED = "dropped"  # asked for, then left out by --skip or --max-duration: holds the verdict
    NOT_APPLICABLE = "not applicable"  # proven by a recorded fact
    UNSUPPORTED = "unsupported"  # this stack or runtime cannot do it


class Severity(StrEnum):
    """How much a failure matters. Critical and high gate by default."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def weight(self) -> float:
        """Weight in the score of an area."""
        return {"critical": 10.0, "high": 7.5, "medium": 5.0, "low": 2.5}[self.value]


class Area(StrEnum):
    """The twelve areas of readiness."""

    BACKUP = "backup"
    ISOLATION = "isolation"
    VECTOR_INDEX = "vector_index"
    CAPACITY = "capacity"
    CONNECTIONS = "connections"
    API = "api"
    OBSERVABILITY = "observability"
    RESILIENCE = "resilience"
    LOAD = "load"
    SECURITY = "security"
    REPLICATION = "replication"
    DELIVERY = "delivery"


class Kind(StrEnum):
    """The kinds of verification; the folder of a content file decides."""

    CHECK = "check"
    LOAD = "load"
    CHAOS = "chaos"
    DRILL = "drill"
    ATTESTATION = "attestation"

    @property
    def folder(self) -> str:
        """The content folder whose files are of this kind."""
        return {"check": "checks", "load": "loadtests", "chaos": "chaos", "drill": "restore_drills"}.get(
            self.value, "attestations"
        )


class Effect(StrEnum):
    """What running an item does to the stack; decides what may run beside it."""

    READ = "read"
    WRITE = "write"
    DISRUPTIVE = "disruptive"


class Verdict(StrEnum):
    """The answer of a run."""

    GO = "GO"
    NO_GO = "NO-GO"
    HOLD = "HOLD"
    PARTIAL = "PARTIAL"


class ExitCode(IntEnum):
    """Exit codes of the command line. Precedence of a run: 4, 1, 3, 0."""

    GO = 0
    NO_GO = 1
    USAGE = 2
    HOLD = 3
    HARNESS_FAILED = 4


class Capability(StrEnum):
    """What a stack on a runtime can do. Found out by trying, never assumed."""

    SQL = "sql"  # an administrator's session on the database
    APPLICATION = "application"  # the application answers through its contract
    SOURCE = "source"  # the application's source tree can be read
    READ_LOGS = "read_logs"  # the whole log of a service can be read
    CAPTURE = "capture"  # the server's log tells the application's own statements and parameters
    WRITE = "write"  # gonogo may write through the application and the database
    KILL = "kill"  # a server's whole process tree can be killed, and proven gone
    PAUSE = "pause"  # a server can be frozen and resumed
    PROMOTE = "promote"  # there is a standby that can be promoted
    FAILOVER = "failover"  # the primary can be taken away, and a standby takes over
    HOOKS = "hooks"  # the stack file's own commands may break it
    RESTART_APPLICATION = "restart_application"  # gracefully, with the same settings
    SCRATCH_POSTGRES = "scratch_postgres"  # a fresh throw-away server of the same major version
    PHYSICAL_RESTORE = "physical_restore"  # a throw-away server can be started from a restored data directory
    SCRATCH_REDIS = "scratch_redis"  # a throw-away Redis can be started from a copy of the cache's files
    SCRATCH_CHROMA = "scratch_chroma"  # the same of the vector store
    LIMIT_DISK = "limit_disk"  # the main database's disk has a size of its own, and can be filled
    SCRATCH_APPLICATION = "scratch_application"  # a second application instance on another database
    BACKUP_TOOLS = "backup_tools"  # pg_dump and pg_restore that fit the server
    LLM_CONTROL = "llm_control"  # the LLM stub can be told to fail
    LOAD = "load"  # a load generator is installed and the stack may be loaded
