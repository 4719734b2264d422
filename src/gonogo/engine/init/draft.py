"""A whole stack file: drafted, validated as the loader validates it, and only then written."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gonogo.core.errors import HarnessError, SpecError, UsageError
from gonogo.engine.init.as_is import compose_line, services_as_is
from gonogo.engine.init.compose import ComposeProject, read_compose
from gonogo.engine.init.contract import contract_lines
from gonogo.engine.init.openapi import read_openapi
from gonogo.engine.init.proposal import Confidence, Proposal, Proposed, propose
from gonogo.engine.init.render import comment, flow, pair
from gonogo.engine.init.services import Services, external_services, services_of
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec
from gonogo.stacks.exchange import check_path
from gonogo.stacks.services import declared_services

NAME = re.compile(r"[a-z][a-z0-9-]*")  # as StackSpec wants it
AFTER = """\
data:
  service: db
  # tables: {chunks: {tenant: tenant_id, vector: embedding, document: document_id}}   # your tables, and their columns
  # production_size: {chunks: 400_000}   # rows in production
# corpus: {questions: questions.jsonl}   # lines of {"id", "tenant", "question", "document"}: worth the first hour
# backups: {dump: {every: 24h, takes: 20min, shipping: 5min}}   # what you really make
# Nobody's promise yet: figures to begin with, because checks are judged by them. Write down what you promise.
objectives: {rto: 15min, rpo: 25h, search_p95: 300ms, error_rate: 1%}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `gonogo init` was asked for."""

    compose: Path | None
    openapi: str | None
    out: Path
    name: str | None = None
    application: str | None = None  # the Compose service that is the application
    external: bool = False
    url: str | None = None
    as_is: bool = False  # the stack file runs the Compose project itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The text of a stack file, and what is to be said about it."""

    text: str
    needs: Mapping[str, str | None]  # variables to set; a text is Compose's own harmless default
    secrets: tuple[str, ...]  # names of what stood in the Compose file in plain text
    todo: tuple[str, ...]


def draft(wanted: Wanted) -> Draft:
    """Draft a stack file. Raises UsageError for files that cannot be read or are something else."""
    if wanted.name and not NAME.fullmatch(wanted.name):
        raise UsageError(f"{wanted.name!r} is no name that a stack may be given: small letters, digits and -")
    project = read_compose(wanted.compose) if wanted.compose else None
    proposed = propose(read_openapi(wanted.openapi)) if wanted.openapi else Proposed()
    ready = proposed.requests.get("ready")
    path = str(ready.spec["request"]).partition(" ")[2] if ready and ready.confidence is Confidence.SURE else ""
    found = _services(project, wanted, path) if project else None
    if found and found.health_path and not (ready and ready.confidence is Confidence.SURE):
        spec, remarks = {"request": f"GET {found.health_path}"}, ("the path of the Compose file's health check",)
        proposed.requests["ready"] = Proposal(
            name="ready", spec=spec, confidence=Confidence.LIKELY, operation=None, remarks=remarks
        )
    needs = dict(found.translation.needs) if found and not wanted.external else {}
    services = _external(found, wanted, needs) if wanted.external or not found else found.lines
    contract = contract_lines(proposed, needs)
    todo = _todo(found if not wanted.external else None, proposed)
    secrets = tuple(found.translation.secrets) if found and not wanted.external else ()
    name = wanted.name or _slug(project.name if project else "mine")
    head = [
        *comment(f"Written by `gonogo init` from {_sources(wanted)}. Look through it: what is a guess says so."),
        *[line for text in (found.found if found else ()) for line in comment(text, bullet="  found: ")],
        *[line for text in todo for line in comment(text, bullet="  TODO: ")],
        *comment("  ${env.NAME} is an environment variable of gonogo's: no secret stands in this file."),
        pair("stack", name),
    ]
    middle = ["runtime: external  # only read"] if wanted.external else []
    if wanted.as_is and project:
        middle.append(compose_line(project, wanted.out))
    lines = [*head, *middle, "services:", *services, *contract]
    return Draft(text="\n".join(lines) + "\n" + AFTER, needs=needs, secrets=secrets, todo=tuple(todo))


def _services(project: ComposeProject, wanted: Wanted, ready: str) -> Services:
    if wanted.as_is:
        return services_as_is(project, application=wanted.application, ready=ready)
    return services_of(project, out=wanted.out, application=wanted.application, ready=ready)


def write(made: Draft, out: Path, *, force: bool) -> None:
    """Write a draft that the loader accepts. Raises UsageError where a file is there already (without `force`)."""
    validate(made.text)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(made.text)
    except FileExistsError:
        raise UsageError(f"{out} is there already; --force overwrites it, --out names another") from None


def validate(text: str) -> StackSpec:
    """The draft as the loader and the service kinds see it. Raises HarnessError: what is wrong in it is our mistake."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            spec = load(path, StackSpec).spec
            declared_services(spec, path)
            for one in (spec.contract.search, spec.contract.chat, spec.contract.ingest, spec.contract.document):
                paths = (one.id, one.hits, one.answer, one.sources, one.turns, *one.hit.values()) if one else ()
                for each in filter(None, paths):
                    check_path(each)
        except (SpecError, UsageError) as error:
            raise HarnessError(f"the drafted stack file is not valid, nothing was written:\n{error}") from None
    return spec


def _external(found: Services | None, wanted: Wanted, needs: dict[str, str | None]) -> list[str]:
    lines = []
    for name, keys in external_services(found, wanted.url).items():
        lines.append(pair(name, keys, indent=2))
        needs.update(dict.fromkeys(re.findall(r"\$\{env\.(\w+)\}", flow(keys))))
    return lines


def _todo(found: Services | None, proposed: Proposed) -> list[str]:
    todo = list(found.todo) if found else []
    unsure = [one.name for one in proposed.requests.values() if one.confidence is Confidence.GUESS]
    if unsure:
        todo.append(f"requests of the contract that are a guess or not whole: {', '.join(unsure)}")
    if found and found.translation.secrets:
        todo.append(f"in plain text in the Compose file, not copied: {', '.join(found.translation.secrets)}")
    todo.append("objectives, at the end, are examples and no promise of yours: write your own")
    todo.append("data.tables, corpus and backups, at the end: what is left out costs verifications")
    return todo


def _sources(wanted: Wanted) -> str:
    named = [wanted.compose.name] if wanted.compose else []
    if wanted.openapi:
        parts = urlsplit(wanted.openapi)
        remote = wanted.openapi.startswith(("http://", "https://"))
        named.append(f"{parts.scheme}://{parts.hostname}{parts.path}" if remote else Path(wanted.openapi).name)
    return " and ".join(named) or "nothing"


def _slug(name: str) -> str:
    """A name that a stack may have.

    >>> _slug("My Shop_2"), _slug("42")
    ('my-shop-2', 'stack-42')
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug if slug[:1].isalpha() else f"stack-{slug}".rstrip("-")
