"""The application's source: variables and their documentation, patterns, secrets, what the container will be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._dockerfile import read_dockerfile
from gonogo.probes._inherited import bases_beside
from gonogo.probes._secrets import secrets_in
from gonogo.spec.base import Spec
from gonogo.stacks.sources import SourceFile, SourceTree, source_tree

if TYPE_CHECKING:
    from gonogo.stacks.context import Context


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


Globs = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Pattern = Annotated[str, AfterValidator(_compiles)]

READS = (
    r"""environ(?:\.get)?\s*[\[(]\s*["']([A-Za-z_]\w*)["']""",
    r"""getenv\(\s*["']([A-Za-z_]\w*)["']""",
    r"""alias\s*=\s*["']([A-Z][A-Z0-9_]*)["']""",  # pydantic
    r"""process\.env\.([A-Za-z_]\w*)""",
)
OF_THE_SYSTEM = ("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "HOSTNAME")
NAMED = re.compile(r"^[ \t]*(?:export[ \t]+|#[ \t]*(?=[A-Z0-9_]+=))?([A-Za-z_]\w*)=", re.MULTILINE)


class EnvironmentRule(Spec):
    """Variables that the code reads and the file that explains them. Group 1 of each of `reads` is a name.

    What the code imports from a package beside its folder may be named as well, and need not be; but what a class there
    reads, of which the code derives its own, is read by the code.
    """

    code: Globs = ("**/*.py",)
    reads: tuple[Pattern, ...] = READS
    example: str = ".env.example"
    ignore: tuple[str, ...] = OF_THE_SYSTEM


class PatternRule(Spec):
    """A regular expression (`^` and `$` at every line) and the files that it is looked for in."""

    files: Globs
    pattern: Pattern


class SecretsRule(Spec):
    """Where to look for secrets; values that match `allowed` are none."""

    files: Globs = ("**/*",)
    allowed: Pattern | None = None


class FilesParameters(Spec):
    """What to look at; at least one.

    environment     → undocumented_variables, unread_variables
    exist           → missing_files; an entry that is a list is satisfied by any of its names
    must_match      → one observation by the rule's name for each file: true or false
    must_not_match  → one observation by the rule's name: the places, file:line, that match
    secrets         → secrets: the places
    dockerfile      → ordinary_user, health_check (true or false), unpinned_images
    """

    environment: EnvironmentRule | None = None
    exist: tuple[Globs, ...] = ()
    must_match: dict[str, PatternRule] = Field(default_factory=dict)
    must_not_match: dict[str, PatternRule] = Field(default_factory=dict)
    secrets: SecretsRule | None = None
    dockerfile: str | None = None

    @model_validator(mode="after")
    def _something(self) -> FilesParameters:
        if not self.model_fields_set:
            raise ValueError(f"nothing to look at; allowed: {', '.join(type(self).model_fields)}")
        return self


class FilesProbe:
    """A probe."""

    parameters = FilesParameters
    needs = frozenset({Capability.SOURCE})

    def observe(self, context: Context, parameters: FilesParameters) -> Iterable[Observation]:
        """What was found in the source tree. Raises NotMeasurable where a rule meets no file."""
        return observe_tree(source_tree(context.stack), parameters)


PROBE = FilesProbe()


def observe_tree(tree: SourceTree, parameters: FilesParameters) -> Iterator[Observation]:
    """What the rules find in a tree."""
    if parameters.environment:
        yield from _environment(tree, parameters.environment)
    if parameters.exist:
        if not tree.has("**"):
            raise NotMeasurable("the application's source holds no file")
        missing = tuple(" or ".join(globs) for globs in parameters.exist if not any(map(tree.has, globs)))
        yield Observation(name="missing_files", value=missing, n=len(parameters.exist))
    for name, rule in parameters.must_match.items():
        pattern = re.compile(rule.pattern, re.MULTILINE)
        for file in tree.some_files(rule.files):
            yield Observation(name=name, subject=file.path, value=pattern.search(file.text) is not None)
    for name, rule in parameters.must_not_match.items():
        yield _places(tree, name, rule)
    if parameters.secrets:
        allowed = re.compile(parameters.secrets.allowed) if parameters.secrets.allowed else None
        files = tree.some_files(parameters.secrets.files)
        found = tuple(dict.fromkeys(place for file in files for place in secrets_in(file, allowed)))
        yield Observation(name="secrets", value=found, n=len(files))
    if parameters.dockerfile:
        yield from _container(tree, parameters.dockerfile)


def _environment(tree: SourceTree, rule: EnvironmentRule) -> Iterator[Observation]:
    """Variables that are read but not explained, and the other way round."""
    own = tree.some_files(rule.code)
    trees = tree.imported_from_beside(own)
    read = _read_in([*own, *bases_beside(own, trees)], rule)
    beside = {
        name for one in trees for name in _read_in(one.files(rule.code), rule)
    }  # or explained where they are read
    if not read:
        raise NotMeasurable(f"no variable is read in {', '.join(rule.code)}, as far as `reads` can tell")
    named = {name for file in tree.files((rule.example,)) for name in NAMED.findall(file.text)}
    detail = "" if named else f"{rule.example} is missing or names no variable"
    undocumented = tuple(place for name, place in read.items() if name not in named)
    yield Observation(name="undocumented_variables", value=undocumented, n=len(read), detail=detail)
    yield Observation(
        name="unread_variables", value=tuple(sorted(named - read.keys() - beside)), n=len(named), detail=detail
    )


def _read_in(files: Iterable[SourceFile], rule: EnvironmentRule) -> dict[str, str]:
    """The variables that files read, with where they do first."""
    read: dict[str, str] = {}
    for file in files:
        for pattern in rule.reads:
            for match in re.finditer(pattern, file.text):
                read.setdefault(match[1], f"{match[1]} ({file.path}:{file.line_of(match.start(1))})")
    return {name: place for name, place in read.items() if name not in rule.ignore}


def _places(tree: SourceTree, name: str, rule: PatternRule) -> Observation:
    pattern = re.compile(rule.pattern, re.MULTILINE)
    files = tree.some_files(rule.files)
    places = (f"{file.path}:{file.line_of(match.start())}" for file in files for match in pattern.finditer(file.text))
    return Observation(name=name, value=tuple(dict.fromkeys(places)), n=len(files))


def _container(tree: SourceTree, path: str) -> Iterator[Observation]:
    for file in tree.some_files((path,)):
        facts = read_dockerfile(file.text)
        if not facts.stages:
            raise NotMeasurable(f"{file.path} names no image to begin FROM")
        said = "" if facts.user else "a build argument or the base image decides"
        yield Observation(name="ordinary_user", subject=file.path, value=facts.ordinary_user, detail=said)
        yield Observation(name="health_check", subject=file.path, value=facts.health_check)
        yield Observation(name="unpinned_images", value=facts.unpinned_images, n=facts.stages)
