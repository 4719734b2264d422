"""What the SQL of a dump speaks of: the database, its locale, roles, extensions. Read as text, nothing of it is run.

Rows between COPY and its end are passed over. A name in a comment or a text may be taken for a role's; that costs
nothing but a role without rights in a server that is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.drills.given import made
from gonogo.drills.given.made import Made

NAME = r'"(?:[^"]|"")+"|[a-zA-Z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*'
COPY_BEGINS = re.compile(r"^COPY .* FROM stdin;\s*$")
COPY_ENDS = "\\."
CREATE_DATABASE = re.compile(rf"^CREATE DATABASE (?P<name>{NAME})(?P<rest> .*)?;\s*$")
LOCALE_WORDS = "LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|BUILTIN_LOCALE|LOCALE_PROVIDER|COLLATION_VERSION|ICU_RULES"
LOCALE = re.compile(rf"\s(?:{LOCALE_WORDS}) = (?:'[^']*'|\w+)")
COLLATION = re.compile(r"\s(?:LC_COLLATE|LOCALE) = '(?P<name>[^']*)'")
EXTENSION = re.compile(rf"^CREATE EXTENSION (?:IF NOT EXISTS )?(?P<name>{NAME})")
ENCODING = re.compile(r"^SET client_encoding = '(?P<name>\w+)';")
VERSION = re.compile(r"^-- Dumped from database version (?P<major>\d+)")
OWNER = re.compile(rf" OWNER TO (?P<names>{NAME});\s*$")
OWNED_BY_SUPERUSERS = re.compile(rf"^ALTER (?:EVENT TRIGGER|FOREIGN DATA WRAPPER|SUBSCRIPTION) .* OWNER TO ({NAME});")
LISTS = f"(?P<names>(?:{NAME})(?:\\s*,\\s*(?:{NAME}))*)"
ROLES = (
    OWNER,
    re.compile(rf"^(?:GRANT|ALTER DEFAULT PRIVILEGES) .* TO {LISTS}(?: WITH GRANT OPTION)?(?: GRANTED BY .*)?;\s*$"),
    re.compile(rf"^(?:REVOKE|ALTER DEFAULT PRIVILEGES) .* FROM {LISTS};\s*$"),
    re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {LISTS} "),
    re.compile(rf"^CREATE POLICY .* TO {LISTS}(?: USING | WITH CHECK |;)"),
    re.compile(rf"^SET SESSION AUTHORIZATION (?P<names>{NAME});\s*$"),
    re.compile(rf"^ALTER ROLE (?P<names>{NAME}) "),
    re.compile(rf"^CREATE SCHEMA .* AUTHORIZATION (?P<names>{NAME});\s*$"),
    re.compile(rf"^CREATE USER MAPPING FOR (?P<names>{NAME}) "),
)
NO_ROLES = frozenset({"public", "current_user", "current_role", "session_user"})
MOST_ROLES = 1000
LONGEST_LINE = 64 * 1024  # of SQL that names something; a file without line ends must not become one line in memory
LOOKED_AFTER_LINES = 50_000
SPEAKING = (
    "CREATE ",
    "ALTER ",
    "GRANT ",
    "REVOKE ",
    "SET SESSION AUTHORIZATION ",
    "SET client_encoding ",
    "-- Dumped from",
    "-- Started on",
)


@dataclass(slots=True, kw_only=True)
class Spoken:
    """What a dump speaks of. `major`: of the server it was made from.

    `encoding`: of its text, which is its database's unless somebody asked pg_dump for another.
    """

    database: str | None = None
    create_statement: str = ""
    major: int | None = None
    encoding: str | None = None
    made: Made | None = None
    owners: bool = False  # whether it says who owns anything
    roles: dict[str, None] = field(default_factory=dict)
    superusers: set[str] = field(default_factory=set)  # roles that own what only a superuser may own
    extensions: dict[str, None] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """One line of SQL outside of rows."""
        if not line.startswith(SPEAKING):
            return
        if (match := CREATE_DATABASE.match(line)) and self.database is None:
            self.database, self.create_statement = unquoted(match["name"]), line
        elif match := EXTENSION.match(line):
            self.extensions[unquoted(match["name"])] = None
        elif (match := ENCODING.match(line)) and self.encoding is None:
            self.encoding = match["name"]
        elif (match := VERSION.match(line)) and self.major is None:
            self.major = int(match["major"])
        elif self.made is None:
            self.made = made.of_line(line)
        if match := OWNED_BY_SUPERUSERS.match(line):
            self.superusers.add(unquoted(match[1]))
        for pattern in ROLES:
            if match := pattern.search(line):
                self.owners = self.owners or pattern is OWNER
                self._name(match["names"])

    def _name(self, names: str) -> None:
        for written in re.findall(NAME, names):
            name = unquoted(written)
            reserved = name.startswith("pg_") or (written.lower() in NO_ROLES)
            if not reserved and len(self.roles) < MOST_ROLES:
                self.roles[name] = None


def lines_of(path: Path, deadline: Deadline) -> Iterator[str]:
    """The lines of a file, the beginnings of those that are too long. Raises DeadlineExceeded, Interrupted."""
    begun = False
    with path.open("rb") as file:
        for number, part in enumerate(iter(lambda: file.readline(LONGEST_LINE), b"")):
            if number % LOOKED_AFTER_LINES == 0:
                deadline.check("the dump is looked through")
            if not begun:
                yield part.decode(errors="replace")
            begun = not part.endswith(b"\n")


def spoken(lines: Iterable[str]) -> Spoken:
    """Everything that a dump speaks of."""
    found = Spoken()
    for line in outside_of_rows(lines):
        found.hear(line)
    return found


def outside_of_rows(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are no rows of a COPY."""
    in_rows = False
    for line in lines:
        if in_rows:
            in_rows = line.rstrip("\r\n") != COPY_ENDS
        elif COPY_BEGINS.match(line):
            in_rows = True
        else:
            yield line


def unquoted(name: str) -> str:
    """The name itself.

    >>> unquoted('"a ""b"" c"'), unquoted("Rag")
    ('a "b" c', 'rag')
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def without_locale(statement: str) -> str:
    """CREATE DATABASE with the locale that every server has.

    >>> without_locale("CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'xx_YY';")
    "CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';"
    """
    bare = LOCALE.sub("", statement).rstrip().removesuffix(";")
    with_template = bare if " WITH " in bare else f"{bare} WITH TEMPLATE = template0"
    return f"{with_template} LOCALE = 'C';"


def locale_of(statement: str) -> str:
    """The collation that a CREATE DATABASE asks for, "" where it names none.

    >>> locale_of("CREATE DATABASE a WITH ENCODING = 'UTF8' LOCALE_PROVIDER = libc LC_COLLATE = 'de_DE.UTF-8';")
    'de_DE.UTF-8'
    """
    match = COLLATION.search(statement)
    return match["name"] if match else ""
