"""One file is of another backup: two runs wrote into one folder, or a copy took what was not there from yesterday's."""

from __future__ import annotations

import shutil
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Method
from gonogo.drills.corpus.spots import files_of


class FileOfAnotherDay:
    """Of backups that have several files."""

    def suits(self, method: Method) -> bool:
        """Folders."""
        return not method.file

    def apply(self, copy: Copy, dice: Random) -> str:
        """A file that both have and that differs."""
        names = [one.relative_to(copy.path) for one in files_of(copy)]
        both = [one for one in names if (copy.other / one).is_file()]
        differ = [one for one in both if (copy.other / one).read_bytes() != (copy.path / one).read_bytes()]
        name = dice.choice(differ)
        shutil.copyfile(copy.other / name, copy.path / name)
        return f"of another day: {name}"


DAMAGE = FileOfAnotherDay()
