"""Files of a store of local processes."""

from __future__ import annotations

import shutil
from pathlib import Path

from gonogo.core.errors import StackError


def copy_path(source: Path, target: Path) -> None:
    """Copy a file or a folder to a path that is not there yet. Raises StackError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    except (OSError, shutil.Error) as error:
        raise StackError(f"{source.name} cannot be copied: {error}") from error
