"""It says that it is of another major version of PostgreSQL, or of another version of its own format."""

from __future__ import annotations

import re
import tarfile
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Form, Method
from gonogo.drills.corpus.spots import replaced

MAGIC, VERSION_AT = b"PGDMP", 5
SPOKEN = re.compile(rb"(-- Dumped from database version )\d+")


class WrongVersion:
    """In the file that says it."""

    def suits(self, method: Method) -> bool:
        """What is not compressed as a whole."""
        return not method.squeezed and method.name != "base.tar.gz" and method.form is not Form.REPOSITORY

    def apply(self, copy: Copy, dice: Random) -> str:
        """An older or a newer one."""
        other = dice.choice((9, 12, 17, 19, 97))
        if copy.method.is_text:
            content = copy.path.read_bytes()
            copy.path.write_bytes(SPOKEN.sub(rb"\g<1>%d" % other, content))
        elif copy.method.form is Form.FILES:
            (copy.path / "PG_VERSION").write_text(f"{other}\n")
        elif copy.method.moving:
            dice.choice(sorted(copy.path.glob("*/PG_VERSION"))).write_text(f"{other}\n")
        elif copy.method.form is Form.TARS:
            _in_archive(copy, other)
        else:
            file = copy.path if copy.path.is_file() else copy.path / "toc.dat"
            at = file.read_bytes().index(MAGIC) + VERSION_AT + dice.randrange(2)
            replaced(file, at, 1, bytes([other]))
        return f"version {other}"


def _in_archive(copy: Copy, other: int) -> None:
    file = copy.path / "base.tar"
    with tarfile.open(file) as archive:
        member = archive.getmember("PG_VERSION")
    replaced(file, member.offset_data, member.size, f"{other}\n".encode().rjust(member.size)[: member.size])


DAMAGE = WrongVersion()
