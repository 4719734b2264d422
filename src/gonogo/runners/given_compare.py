"""What a kind of backup can carry is compared with the reference; what it cannot is listed, and not held against it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gonogo.core.observation import Observation
from gonogo.drills.given.cluster import ClusterDump
from gonogo.drills.given.logical import Dump
from gonogo.drills.given.script import locale_of
from gonogo.pg.fingerprint import SETTING, Fingerprint
from gonogo.pg.portrait import Portrait, without_secrets
from gonogo.pg.sessions import Connection
from gonogo.pg.sql import query
from gonogo.runners.restored import rows_and_objects
from gonogo.stacks.local.boxed import SUPERUSER

if TYPE_CHECKING:
    from gonogo.runners.given import Request

LOCALE = "locale of database"
OF_DATABASE = ("grants of database", "owner of database", LOCALE)
SEQUENCE_AHEAD = 32  # values that a server writes ahead of, and skips when it recovers
OWNER_OF_SCHEMA, PUBLIC = "owner of schema", "public"
NO_INDEX = "the reference has no index"
REWRITTEN = ("view", "rule", "statistics")  # kinds whose text another major version writes otherwise
NOT_IN_A_FINGERPRINT = (
    "what operators, collations, text search and foreign data are made of, beside that they are there; tablespaces "
    "(a fingerprint does not hold them)"
)
NEW_PRIVILEGE = "MAINTAIN "  # since PostgreSQL 17 every owner has it
NO_ROLES = Observation(
    name="roles_differ", value=None, not_applicable=True, detail="no dump of a database carries roles"
)
Objects = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What of a database comes with a backup. `versions_match`: of its server and of ours, or of the reference's."""

    has_reference: bool
    files: bool  # of a cluster: extensions are of its versions, unlogged tables are empty
    roles: bool  # attributes and settings of roles: they belong to the cluster
    database: bool  # settings, grants and owner of the database itself
    owners: bool
    versions_match: bool
    locale: bool = True
    stated_locale: str = ""  # what the dump asks for, where that is not to be had here

    @property
    def database_is_known(self) -> bool:
        """Whether the backup says what its database is called."""
        return self.database

    def compared(
        self, reference: Portrait, after: Fingerprint, connection: Connection, evidence: str
    ) -> Iterator[Observation]:
        """Everything that differs, but for the rows of what recovery empties."""
        before, now = self._kept(reference.fingerprint), self._kept(without_secrets(after))
        now = _with_locale(now, before, self.stated_locale)
        now = _with_positions(now, before, SEQUENCE_AHEAD if self.files else 0)
        if self.files:
            unlogged = unlogged_tables(connection)
            before, now = _without(before, unlogged), _without(now, unlogged)
        elif PUBLIC not in before.objects.get(OWNER_OF_SCHEMA, {}):
            now = _without_public(now)
        for observation in rows_and_objects(before, now, before, evidence):
            none = observation.name == "broken_indexes" and not observation.n and not observation.value
            yield replace(observation, value=None, not_applicable=True, detail=NO_INDEX) if none else observation
        yield _roles(reference, connection) if self.roles else NO_ROLES

    def not_compared(self, *, unlogged: bool, others: Sequence[str]) -> Observation:
        """What nobody has compared, as a thing that does not apply: it passes nothing.

        `unlogged`: there are such tables; `others`: databases that the reference is not of.
        """
        if not self.has_reference:
            detail = "nothing was compared: there is no reference"
        else:
            left_out = {
                "rows of unlogged tables (no recovery brings them back)": self.files and unlogged,
                f"the databases {', '.join(others)} (the reference is of another)": bool(others),
            }
            cannot = [sentence for sentence, true in {**self._left_out(), **left_out}.items() if true]
            detail = "; ".join([*cannot, NOT_IN_A_FINGERPRINT])
        return Observation(
            name="not_compared", value=None if detail else (), n=1, not_applicable=bool(detail), detail=detail
        )

    def _left_out(self) -> dict[str, bool]:
        return {
            "roles, their attributes and settings (no dump of a database carries them)": not self.roles,
            "versions of extensions (a dump names none)": not self.files,
            "owner, grants and settings of the database itself (it does not make one)": not self.database,
            "owners and grants (it was made without owners)": not self.owners,
            "texts of views (another major version writes them otherwise)": not self.versions_match,
            "the database's locale (it is not to be had here, C took its place)": not self.locale,
        }

    def _kept(self, fingerprint: Fingerprint) -> Fingerprint:
        objects = {kind: dict(self._of_kind(kind, entries)) for kind, entries in fingerprint.objects.items()}
        return replace(fingerprint, objects={kind: entries for kind, entries in objects.items() if entries})

    def _of_kind(self, kind: str, entries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        if (kind in OF_DATABASE and not self.database) or (kind == LOCALE and not (self.locale or self.stated_locale)):
            return
        if not self.owners and kind.startswith(("owner of", "grants of")):
            return
        for name, text in entries.items():
            if kind == SETTING and not self._carries_setting(name):
                continue
            yield name, self._text(kind, text)

    def _carries_setting(self, name: str) -> bool:
        return self.database if name.startswith("of database ") else self.roles

    def _text(self, kind: str, text: str) -> str:
        if kind == "extension" and not self.files:
            return "there"
        if kind in REWRITTEN and not self.versions_match:
            return "there"
        if kind.startswith("grants") and not self.versions_match:
            return ", ".join(one for one in text.split(", ") if not one.startswith(NEW_PRIVILEGE))
        return text


def carried_by(request: Request, *, major: int, dump: Dump | ClusterDump | None = None) -> Carried:
    """What this backup carries, a dump or a base backup; `major`: of the server it was restored into."""
    reference = request.reference
    match = reference is None or reference.major == major
    if not isinstance(dump, Dump):  # everything of a cluster
        return Carried(
            has_reference=reference is not None,
            files=dump is None,
            roles=True,
            database=True,
            owners=True,
            versions_match=match,
            locale=dump is None or dump.kept_locale,
        )
    spoken = dump.spoken
    return Carried(
        has_reference=reference is not None,
        files=False,
        roles=False,
        database=dump.brings_database,
        owners=spoken.owners,
        versions_match=match,
        locale=dump.kept_locale,
        stated_locale="" if dump.kept_locale else locale_of(spoken.create_statement),
    )


def unlogged_tables(connection: Connection) -> frozenset[str]:
    """Tables that recovery empties."""
    return frozenset(row[0] for row in connection.execute(query("soundness", "unlogged_tables")).fetchall())


def _with_locale(now: Fingerprint, before: Fingerprint, stated: str) -> Fingerprint:
    """A locale that could not be had here is compared by its name."""
    if not stated or LOCALE not in before.objects:
        return now
    same = {_spelt(stated)} & {_spelt(word) for text in before.objects[LOCALE].values() for word in text.split()}
    texts = before.objects[LOCALE] if same else dict.fromkeys(before.objects[LOCALE], f"collate {stated}")
    return replace(now, objects={**now.objects, LOCALE: texts})


def _spelt(locale: str) -> str:
    """One spelling of a locale's name.

    >>> _spelt("de_DE.UTF-8") == _spelt("de_DE.utf8")
    True
    """
    return locale.lower().replace("-", "")


def _with_positions(now: Fingerprint, before: Fingerprint, most: int) -> Fingerprint:
    """A sequence that is further than it can have come is told like a definition: in an ordinary comparison it is none.

    Sequences that are behind are told there.
    """
    ahead = {
        name: f"{one.last_value}, {one.ahead_of(before.sequences[name]):.0f} values further"
        for name, one in now.sequences.items()
        if name in before.sequences and one.ahead_of(before.sequences[name]) > most
    }
    return replace(now, objects={**now.objects, "position of sequence": ahead}) if ahead else now


def _without(fingerprint: Fingerprint, tables: Collection[str]) -> Fingerprint:
    """Without the rows of some tables; their definitions stay."""
    return replace(fingerprint, tables={name: one for name, one in fingerprint.tables.items() if name not in tables})


def _without_public(fingerprint: Fingerprint) -> Fingerprint:
    """Without a schema that every new database has, and no dump of one that dropped it takes away."""
    kinds = (OWNER_OF_SCHEMA, "grants of schema")
    objects = {
        kind: {name: text for name, text in entries.items() if kind not in kinds or name != PUBLIC}
        for kind, entries in fingerprint.objects.items()
    }
    return replace(fingerprint, objects=objects)


def _roles(reference: Portrait, connection: Connection) -> Observation:
    found: dict[str, str] = dict(connection.execute(query("portrait", "roles")).fetchall())
    found.pop(SUPERUSER, None)
    wrong = [
        f"{name}: {'missing' if name not in found else f'{found[name]!r} instead of {text!r}'}"
        for name, text in reference.roles.items()
        if found.get(name) != text
    ]
    wrong += [
        f"{name}: was not there before (is: {text!r})"
        for name, text in found.items() - reference.roles.items()
        if name not in reference.roles
    ]
    return Observation(
        name="roles_differ", value=tuple(wrong), n=len(reference.roles), detail=f"{len(reference.roles)} roles compared"
    )
