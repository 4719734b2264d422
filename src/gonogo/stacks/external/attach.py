"""From a stack file to services that already run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gonogo.core.errors import UsageError
from gonogo.spec.protected import ProtectedSpec
from gonogo.spec.stack import StackSpec
from gonogo.stacks.external.access import Access, access_of
from gonogo.stacks.external.database import ExternalPostgres
from gonogo.stacks.external.hooks import Hooks
from gonogo.stacks.external.protection import refuse_protected
from gonogo.stacks.external.site import ExternalSite
from gonogo.stacks.external.web import ExternalHttp
from gonogo.stacks.order import start_order
from gonogo.stacks.references import References
from gonogo.stacks.services import ExternalKind, declared_services
from gonogo.stacks.started import Started


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Services that already run, and what may be done to them."""

    references: References
    started: dict[str, Started]
    access: Access
    hooks: Hooks


def attach(spec: StackSpec, spec_path: Path, *, run_id: str, secret: Callable[[str], str], allow: bool) -> Attached:
    """Attach to every service. What does not answer is no error here. Raises UsageError."""
    access = access_of(spec, allow_destructive=allow)
    declared = declared_services(spec, spec_path)
    references = References(folder=spec_path.parent, secret=secret)
    hooks = Hooks(
        specs=spec.hooks, stack_path=spec_path.absolute(), run_id=run_id, access=access,
        resolve=partial(references.resolve, where="hooks"),
    )  # fmt: skip
    started: dict[str, Started] = {}
    for name in start_order(declared):
        one = declared[name]
        if isinstance(one.kind, ExternalKind):
            resolve = partial(references.resolve, where=f"services.{name}")
            started[name] = one.kind.external(one, ExternalSite(resolve=resolve, access=access, hooks=hooks))
            references.add(name, started[name].references)
        elif one.optional:
            references.leave_out(name)
        else:
            raise UsageError(f"services.{name}: kind {one.kind_name} cannot be attached to by the external runtime")
    _prepare(spec, started, secret)
    return Attached(references=references, started=started, access=access, hooks=hooks)


def _prepare(spec: StackSpec, started: dict[str, Started], secret: Callable[[str], str]) -> None:
    """Mask the passwords of connections that were written down in the file itself; say where metrics are."""
    for one in started.values():
        for service in (one.service, *one.members.values()):
            if isinstance(service, ExternalPostgres):
                for password in service.passwords():
                    secret(password)
    application = started.get(spec.contract.service)
    if application is not None and isinstance(application.service, ExternalHttp) and spec.contract.metrics is not None:
        application.service.metrics = spec.contract.metrics.path


def refuse_before_anything(spec: StackSpec, spec_path: Path, protected: ProtectedSpec) -> None:
    """What `--allow-destructive` asks for, refused before a run begins. Raises UsageError."""
    attached = attach(spec, spec_path, run_id="", secret=lambda value: value, allow=True)
    refuse(attached, protected)


def refuse(attached: Attached, protected: ProtectedSpec) -> None:
    """Raise UsageError where something of a stack that may be broken is protected."""
    if attached.access.destructive:
        services = [service for one in attached.started.values() for service in (one.service, *one.members.values())]
        refuse_protected(services, protected)
