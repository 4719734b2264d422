"""What must never be broken or written to, whatever a command line allows."""

from __future__ import annotations

from pydantic import field_validator

from gonogo.spec.base import Spec


class ProtectedSpec(Spec):
    """Systems that are only ever read. Hosts and databases may be globs; a host may have a port: `db.example:5432`.

    A system identifier is what `SELECT system_identifier FROM pg_control_system()` says: the same for a primary and all
    its copies, whatever name or tunnel leads there.
    """

    hosts: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    system_identifiers: tuple[str, ...] = ()

    @field_validator("system_identifiers", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return [str(one) for one in value] if isinstance(value, (list, tuple)) else value

    def joined(self, other: ProtectedSpec) -> ProtectedSpec:
        """Both lists: nobody takes a protection away by adding another."""
        return ProtectedSpec(
            hosts=(*self.hosts, *other.hosts),
            databases=(*self.databases, *other.databases),
            system_identifiers=(*self.system_identifiers, *other.system_identifiers),
        )
