"""Local processes: no Docker, ports on 127.0.0.1 only, nothing outlives gonogo."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gonogo.core.errors import MissingCapability, StackError
from gonogo.stacks.capabilities import find_capabilities
from gonogo.stacks.interfaces import Stack, StackRequest
from gonogo.stacks.local.account import Account, unprivileged
from gonogo.stacks.local.binaries import BINDIR, INSTALL, wheel_folder
from gonogo.stacks.local.build import ready_template
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import Spawner
from gonogo.stacks.local.stack import LocalStack
from gonogo.stacks.local.templates import Templates
from gonogo.stacks.order import start_order
from gonogo.stacks.references import References
from gonogo.stacks.running import supported
from gonogo.stacks.services import Declared, EmbeddedKind, declared_services
from gonogo.stacks.started import Started
from gonogo.stacks.starting import start_all


class EmbeddedRuntime:
    """Implements Runtime."""

    name = "embedded"

    def available(self) -> str | None:
        """Needs PostgreSQL's programs, and as root a user to run them."""
        try:
            unprivileged()
        except StackError as error:
            return str(error)
        if BINDIR in os.environ or wheel_folder():
            return None
        return f"there is no PostgreSQL to run: {INSTALL}"

    def start(self, request: StackRequest) -> Stack:
        """Start every service, from the stack's template; build that first when there is none."""
        declared = declared_services(request.spec, request.spec_path)
        order = start_order(declared)
        account = unprivileged()
        _check_reachable(request.run.scratch, account)
        templates = Templates(cache_folder())
        site = Site(
            run=request.run, scratch=request.run.scratch, spawner=Spawner(), account=account,
            references=References(folder=request.spec_path.parent, secret=request.run.secret),
            deadline=request.deadline, cache=cache_folder(), application_source=request.application_source,
        )  # fmt: skip
        started: dict[str, Started] = {}
        try:
            _start_all(declared, order, site, templates, started)
            stack = LocalStack(request=request, site=site, declared=declared, started=started, templates=templates)
            stack.capabilities, stack.missing = supported(find_capabilities(stack))
        except BaseException:
            for one in reversed(started.values()):
                one.close()
            site.spawner.close()
            raise
        return stack


RUNTIME = EmbeddedRuntime()


def _start_all(
    declared: Mapping[str, Declared],
    order: list[str],
    site: Site,
    templates: Templates,
    started: dict[str, Started],
) -> None:
    with ready_template(declared, order, site, templates) as template:
        there = replace(site, template=template)
        start_all(
            declared, lambda one: start_service(one, there), references=site.references, run=site.run, started=started
        )


def start_service(one: Declared, site: Site) -> Started:
    """Start one service. Raises MissingCapability when this machine cannot, StackError when it fails."""
    if not isinstance(one.kind, EmbeddedKind):
        raise MissingCapability(f"kind {one.kind_name} does not run on the embedded runtime")
    return one.kind.embedded(one, site)


def _check_reachable(scratch: Path, account: Account) -> None:
    """PostgreSQL's user must get through every folder above its data."""
    if not account.dropped:
        return
    try:
        subprocess.run(["true"], cwd=scratch, check=True, **account.credentials())
    except OSError as error:
        raise StackError(f"user {account.name}, who runs PostgreSQL, cannot reach {scratch}") from error
