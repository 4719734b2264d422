"""Empty servers that start at once: from a template with the run's database and roles, which is laid under them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gonogo.stacks.interfaces import Role
from gonogo.stacks.local import cluster
from gonogo.stacks.local.mounts import mount_over, unmount
from gonogo.stacks.local.server import LocalPostgres
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.templates import ADMIN_PASSWORD, Templates, held, key_of
from gonogo.stacks.services.postgres import create_database
from gonogo.stacks.sqlserver import Group

NAME = "empty"  # of the one cluster in the template


@contextmanager
def empty_cluster(server: LocalPostgres, site: Site, templates: Templates) -> Iterator[str]:
    """Give a server that was not started an empty cluster, with its database and roles, for as long as this lasts.

    Yields the password that the administrator has in it. Raises StackError.
    """
    names = [server.database, *sorted({one.name for one in server.roles.values()})]
    key = key_of(NAME, server.binaries.version, str(server.binaries.bindir), site.account.uid, names)
    with (
        held(templates, key, lambda: _build(key, server, site, templates)) as template,
        _laid_under(template / NAME / "data", server, site) as laid,
    ):
        if not laid:
            cluster.copy_data(template / NAME / "data", server.data, site.account, run_id=site.run.run_id)
        yield (template / NAME / ADMIN_PASSWORD).read_text()


def _build(key: str, server: LocalPostgres, site: Site, templates: Templates) -> None:
    """Its system identifier is not that of any seeded cluster: it is initialised by itself."""
    folder = server.folder / NAME
    folder.mkdir(mode=0o711)
    made = LocalPostgres(
        name=f"{server.name}/{NAME}", folder=folder, site=site, binaries=server.binaries, database=server.database,
        roles=server.roles, settings={}, group=Group(),
    )  # fmt: skip
    password = server.roles[Role.ADMIN].password
    try:
        cluster.initialise(made.binaries, site.account, made.data, password, checksums=True, run_id=site.run.run_id)
        made.start(site.deadline)
        create_database(made)
        made.stop(site.deadline)
        templates.save(key, {NAME: (made.data, password)}, site.account, run_id=site.run.run_id)
    finally:
        made.discard()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _laid_under(template: Path, server: LocalPostgres, site: Site) -> Iterator[bool]:
    """Whether the server's data directory shows the template, for as long as this lasts: no file is copied before it is
    written to, and what is written lies beside it.
    """
    if os.geteuid() != 0:
        yield False
        return
    upper, work = site.account.folder(server.folder / "upper"), server.folder / "work"
    work.mkdir()
    server.data.mkdir()
    mark = {"run_id": site.run.run_id, "scratch": str(site.run.scratch), "service": server.name}
    record = site.run.intend("mount", {**mark, "path": str(server.data)})
    laid = mount_over(server.data, template, upper, work) is None
    if not laid:
        server.data.rmdir()
    try:
        yield laid
    finally:
        unmount(server.data)
        site.run.undone(record)
