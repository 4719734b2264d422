"""The methods by which the corpus is backed up: what PostgreSQL's programs write, and what people make of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DATABASE = "rag"


class Form(StrEnum):
    """How a backup is restored."""

    ARCHIVE = "archive"  # by pg_restore
    SQL = "sql"  # by psql
    CLUSTER = "cluster"  # by psql, every role and database
    FILES = "files"  # a data directory
    TARS = "tars"  # a data directory in archives
    CHAIN = "chain"  # data directories, each the rest of the one before
    ARCHIVED = "archived"  # a data directory, and WAL beside it
    REPOSITORY = "repository"  # what another program keeps of a cluster, by that program


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to make a backup. `file`: one file, else a folder; `squeezed`: by a program, after it was made."""

    name: str
    form: Form
    arguments: tuple[str, ...]
    file: bool
    squeezed: str = ""
    creates: bool = True  # whether it brings the database itself, its settings and its grants
    appended: bool = False  # written through an append-only output, which a second table of contents needs
    unfinished: bool = False  # its last segment of WAL is one that was still being received

    @property
    def physical(self) -> bool:
        """Whether it is of a whole cluster."""
        return self.form in {Form.FILES, Form.TARS} or self.moving

    @property
    def moving(self) -> bool:
        """Whether it is made while its database changes."""
        return self.form in {Form.CHAIN, Form.ARCHIVED, Form.REPOSITORY}

    @property
    def is_text(self) -> bool:
        """Whether it is SQL that can be read and cut by lines."""
        return self.form in {Form.SQL, Form.CLUSTER} and not self.squeezed

    @property
    def compression(self) -> str:
        """Of its files, as somebody who damages them sees it: gzip, zstd or none."""
        return self.squeezed or ("gzip" if "-z" in self.arguments else "")


def _dump(name: str, form: Form, *arguments: str, file: bool = True, **more: object) -> Method:
    return Method(name=name, form=form, arguments=arguments, file=file, **more)  # type: ignore[arg-type]  # as declared


METHODS: tuple[Method, ...] = (
    _dump("custom", Form.ARCHIVE, "-Fc"),
    _dump("custom-stored", Form.ARCHIVE, "-Fc", "-Z0"),
    _dump("custom-appended", Form.ARCHIVE, "-Fc", appended=True),
    _dump("directory", Form.ARCHIVE, "-Fd", file=False),
    _dump("directory-stored", Form.ARCHIVE, "-Fd", "-Z0", file=False),
    _dump("tar", Form.ARCHIVE, "-Ft"),
    _dump("sql", Form.SQL, creates=False),
    _dump("sql-create", Form.SQL, "--create"),
    _dump("sql.gz", Form.SQL, "--create", squeezed="gzip"),
    _dump("sql.zst", Form.SQL, "--create", squeezed="zstd"),
    _dump("cluster.sql", Form.CLUSTER),
    _dump("base", Form.FILES, "-Fp", file=False),
    _dump("base.tar", Form.TARS, "-Ft", file=False),
    _dump("base.tar.gz", Form.TARS, "-Ft", "-z", file=False),
    _dump("base.tar.zst", Form.TARS, "-Ft", file=False, squeezed="zstd"),
    _dump("chain", Form.CHAIN, file=False),
    _dump("archived", Form.ARCHIVED, file=False),
    _dump("received", Form.ARCHIVED, file=False, unfinished=True),
    _dump("pgbackrest", Form.REPOSITORY, file=False),
    _dump("barman", Form.REPOSITORY, file=False),
)


def method_named(name: str) -> Method:
    """By its name. Raises KeyError."""
    return {one.name: one for one in METHODS}[name]
