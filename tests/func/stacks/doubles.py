"""A run without a run directory: what runtimes need of one, on real files."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from gonogo.core.redact import Redactor
from gonogo.rundir.logs import RunLog


class FileRun:
    """Implements RunServices. Records go to a file, one JSON line each."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(mode=0o711, parents=True, exist_ok=True)
        scratch.chmod(0o711)
        self.run_id = f"test-{secrets.token_hex(6)}"
        self.scratch = scratch
        self.records = scratch.with_name(f"{scratch.name}.undo.ndjson")
        self.secrets: set[str] = set()
        self.messages: list[str] = []
        self._number = 0

    def intend(self, kind: str, data: Mapping[str, object]) -> str:
        """Append a record."""
        self._number += 1
        self._append({"record": str(self._number), "kind": kind, "data": dict(data)})
        return str(self._number)

    def undone(self, record: str) -> None:
        """Append that it is gone."""
        self._append({"undone": record})

    def secret(self, value: str) -> str:
        """Remember a secret."""
        self.secrets.add(value)
        return value

    def log(self, service: str) -> RunLog:
        """A file beside the records."""
        return RunLog(self.records.with_name(f"{service.replace('/', '-')}.log"), Redactor())

    def progress(self, message: str) -> None:
        """Remember a message."""
        self.messages.append(message)

    def open_records(self) -> list[dict[str, object]]:
        """Records that were not undone."""
        lines = [json.loads(line) for line in self.records.read_text().splitlines()] if self.records.exists() else []
        undone = {line["undone"] for line in lines if "undone" in line}
        return [line for line in lines if "record" in line and line["record"] not in undone]

    def _append(self, line: dict[str, object]) -> None:
        with self.records.open("a") as file:
            file.write(json.dumps(line) + "\n")
