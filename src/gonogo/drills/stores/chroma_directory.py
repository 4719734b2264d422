"""The folder of a Chroma, copied while the service is stopped, as a folder or as one archive."""

# ruff: noqa: ARG002 - a protocol, some of whose arguments it has no use for

from __future__ import annotations

import shutil
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.errors import StackError
from gonogo.core.outcome import Capability
from gonogo.drills import RestoreFailed
from gonogo.drills.stores import StoreArtefact, size_of
from gonogo.drills.stores._chroma import ChromaReader, server_of
from gonogo.drills.stores._stopped import stopped
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore

FOLDER, ARCHIVE = "chroma", "chroma.tar.gz"


class ChromaDirectoryParameters(Spec):
    """Which Chroma, how the copy is kept, and the entry of `backups` that says how often it is really made."""

    service: str | None = None  # default: the only one that the stack runs
    format: Literal["directory", "tar"] = "directory"
    schedule: str = "vectors"


class ChromaDirectory:
    """A drill method."""

    parameters = ChromaDirectoryParameters
    needs = frozenset({Capability.SCRATCH_CHROMA, Capability.KILL})
    reader = ChromaReader()

    def service(self, context: Context, parameters: ChromaDirectoryParameters) -> FileStore:
        """The Chroma of the drill."""
        return server_of(context, parameters.service)

    def backup(
        self, context: Context, parameters: ChromaDirectoryParameters, source: FileStore, folder: Path
    ) -> StoreArtefact:
        """Stop it, copy the folder, start it again. Raises RestoreFailed."""
        began = covers_until = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        with stopped(context, source):
            try:
                source.copy_out(".", folder / FOLDER, context.deadline)
            except StackError as error:
                raise RestoreFailed(f"the folder cannot be copied: {error}") from error
        if parameters.format == "tar":
            with tarfile.open(folder / ARCHIVE, "w:gz", compresslevel=1) as archive:
                archive.add(folder / FOLDER, FOLDER)
            shutil.rmtree(folder / FOLDER)
        seconds = time.monotonic() - began
        return StoreArtefact(path=folder, size_bytes=size_of(folder), seconds=seconds, covers_until=covers_until)

    def fill(
        self,
        context: Context,
        parameters: ChromaDirectoryParameters,
        artefact: StoreArtefact,
        data: Path,
    ) -> None:
        """Put the copy where the server looks for it. Raises RestoreFailed."""
        data.rmdir()
        try:
            if parameters.format == "tar":
                with tarfile.open(artefact.path / ARCHIVE) as archive:
                    archive.extractall(data.parent, filter="data")
                (data.parent / FOLDER).rename(data)
            else:
                shutil.copytree(artefact.path / FOLDER, data)
        except (OSError, tarfile.TarError, EOFError) as error:
            raise RestoreFailed(f"the copy cannot be read: {error}") from error

    def settings(self, parameters: ChromaDirectoryParameters) -> Mapping[str, str]:
        """None: everything lies in the folder."""
        return {}

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a copy."""
        from gonogo.drills.stores._chroma_defects import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(DEFECTS)


METHOD = ChromaDirectory()
