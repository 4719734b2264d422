"""Where one run's local processes live: its scratch folder, account, ports, references and undo records."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.stacks.interfaces import RunServices
from gonogo.stacks.local.account import Account
from gonogo.stacks.local.ports import Ports
from gonogo.stacks.local.processes import MARK, boot_id, read_process
from gonogo.stacks.local.spawner import Spawner, minimal_environment
from gonogo.stacks.references import References


@dataclass(slots=True)
class Child:
    """A child process and the undo records that stand for it."""

    process: subprocess.Popen[bytes]
    site: Site
    records: tuple[str, ...]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def running(self) -> bool:
        """Whether it lives."""
        return self.process.poll() is None

    def gone(self) -> int:
        """Reap it and close its undo records; call when it has ended. Returns the exit code."""
        code = self.process.wait()
        for record in self.records:
            self.site.run.undone(record)
        self.records = ()
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a service needs to start itself as local processes."""

    run: RunServices
    scratch: Path
    spawner: Spawner
    account: Account
    references: References
    deadline: Deadline
    cache: Path
    template: Path | None = None  # initialised data to start from; None: initialise
    building: bool = False  # a template is being built: primaries only, nothing waits for a standby
    application_source: Path | None = None
    ports: Ports = field(default_factory=Ports)

    def port(self) -> int:
        """A free port of our own."""
        return self.ports.take()

    def spawn(
        self,
        service: str,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        as_account: bool = False,
        death_signal: str = "KILL",
    ) -> Child:
        """Record the intent, start a marked child, record who it is."""
        mark = {"run_id": self.run.run_id, "scratch": str(self.run.scratch), "service": service}
        intent = self.run.intend("process", mark)
        process = self.spawner.spawn(
            command,
            environment={**(environment or minimal_environment()), MARK: self.run.run_id},
            folder=folder,
            stdout=log,
            account=self.account if as_account else None,
            death_signal=death_signal,
        )
        seen = read_process(process.pid)
        identity = {**mark, "pid": process.pid, "start": seen.start if seen else None, "boot_id": boot_id()}
        return Child(process=process, site=self, records=(intent, self.run.intend("process", identity)))
