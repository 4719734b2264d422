"""Where content lies: the checkout's folders in an editable install, `_content` in a wheel, and users' own folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gonogo.core.errors import Problem, SpecError, UsageError
from gonogo.core.memory import Memory
from gonogo.core.outcome import Area, Kind
from gonogo.core.suggestion import did_you_mean
from gonogo.spec.loader import Loaded, load
from gonogo.spec.verification import SPEC_BY_KIND, VerificationSpec

RUNNABLE = (Kind.CHECK, Kind.LOAD, Kind.CHAOS, Kind.DRILL)
DEFAULT_AREA = {Kind.LOAD: Area.LOAD, Kind.CHAOS: Area.RESILIENCE, Kind.DRILL: Area.BACKUP}


@cache
def shipped_content() -> Path:
    """The content that comes with gonogo."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_content"
    return inside if inside.is_dir() else package.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One verification of the content: its id is its path."""

    id: str
    kind: Kind
    area: Area
    loaded: Loaded[Any]

    @property
    def spec(self) -> Any:
        """Its model; a CheckSpec, LoadSpec, ChaosSpec or DrillSpec by kind."""
        return self.loaded.spec

    @property
    def source(self) -> str:
        """Its file, as people would name it: below the content folder for our own, as given for a user's."""
        path = self.loaded.path
        root = shipped_content()
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def find_verifications(content: Sequence[Path] = (), memory: Memory | None = None) -> dict[str, Verification]:
    """All verifications of the shipped content and of the user's folders, by id. Raises SpecError with all problems."""
    found: dict[str, Verification] = {}
    problems: list[Problem] = []
    for root in (shipped_content(), *content):
        if not root.is_dir():
            raise UsageError(f"content folder {root} does not exist")
        for kind, path in _files(root):
            try:
                verification = _read(root, kind, path, memory)
            except SpecError as error:
                problems.extend(error.problems)
                continue
            if verification.id in found:
                first = found[verification.id].loaded.path
                problems.append(
                    verification.loaded.document.problem((), f"{verification.id} is defined twice; first in {first}")
                )
                continue
            found[verification.id] = verification
    if problems:
        raise SpecError(problems)
    return found


def _files(root: Path) -> Iterable[tuple[Kind, Path]]:
    for kind in RUNNABLE:
        for path in sorted((root / kind.folder).rglob("*.y*ml")):
            if path.suffix in {".yaml", ".yml"} and not path.name.startswith("."):
                yield kind, path


def _read(root: Path, kind: Kind, path: Path, memory: Memory | None) -> Verification:
    loaded: Loaded[VerificationSpec] = load(path, SPEC_BY_KIND[kind], memory)
    identifier = path.relative_to(root).with_suffix("").as_posix()
    return Verification(id=identifier, kind=kind, area=_area(kind, identifier, loaded), loaded=loaded)


def _area(kind: Kind, identifier: str, loaded: Loaded[VerificationSpec]) -> Area:
    if loaded.spec.area is not None:
        return loaded.spec.area
    if kind in DEFAULT_AREA:
        return DEFAULT_AREA[kind]
    folder = identifier.split("/")[1] if identifier.count("/") > 1 else ""
    names = [area.value for area in Area]
    if folder not in names:
        hint = did_you_mean(folder, names)
        message = (
            f"a check lies in a folder named after its area{hint} (allowed: {', '.join(names)}), or states `area:`"
        )
        raise SpecError([loaded.document.problem((), message)])
    return Area(folder)


def find_config(kind: str, name: str, content: Sequence[Path] = ()) -> Path:
    """A stack, suite or policy file: a path, or a name found below `config/<kind>/` of the shipped and users' folders.

    A name that stands in two of them is an error: a policy must not be another one than people think.
    """
    word = {"stacks": "stack", "suites": "suite", "policies": "policy"}[kind]
    direct = Path(name)
    if direct.suffix in {".yaml", ".yml"} or "/" in name:
        if not direct.is_file():
            raise UsageError(f"{word} file {name} does not exist")
        return direct
    known: dict[str, list[Path]] = {}
    for root in dict.fromkeys((*content, shipped_content())):
        for path in sorted((root / "config" / kind).glob("*.y*ml")):
            known.setdefault(path.stem, []).append(path)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"unknown {word} {name!r}{hint} (known: {', '.join(sorted(known))})")
    if len(known[name]) > 1:
        places = " and ".join(str(path) for path in known[name])
        raise UsageError(f"{word} {name!r} is defined twice, in {places}: rename yours, or name the file itself")
    return known[name][0]


def find_locustfile(users: str, profile: Path) -> Path:
    """The file of a load profile's `users:`: a path relative to the profile, or one of the shipped `loadtests/`."""
    name = users if users.endswith(".py") else f"{users}.py"
    own, shipped = profile.parent / name, shipped_content() / Kind.LOAD.folder / name
    for path in (own, shipped):
        if path.is_file():
            return path.resolve()
    raise UsageError(f"users: {users} is neither a file {own} nor a locustfile that comes with gonogo")
