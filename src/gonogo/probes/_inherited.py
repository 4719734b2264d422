"""Classes that the application derives from: what their bodies read, it reads, wherever they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gonogo.stacks.sources import SourceFile, SourceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A class as a file names it: the dotted module that it comes from, its name there, what is declared anew here."""

    module: str
    name: str
    anew: frozenset[str]


def bases_beside(files: Sequence[SourceFile], trees: Sequence[SourceTree]) -> Iterator[SourceFile]:
    """The bodies of base classes that lie in packages beside, each as a file of its lines alone, others blank.

    Fields that the derived class declares anew are left out.
    """
    beside = {tree.root.name: {file.path: file for file in tree.files(("**/*.py",))} for tree in trees}
    for base in dict.fromkeys(base for file in files for base in _bases(file)):
        package, _, rest = base.module.partition(".")
        path = rest.replace(".", "/")
        for candidate in (f"{path}.py", f"{path}/__init__.py".lstrip("/")):
            if file := beside.get(package, {}).get(candidate):
                yield from _body(file, base, package)


def _bases(file: SourceFile) -> Iterator[Base]:
    tree = _parsed(file)
    known = dict(_imported(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for base in node.bases:
            words = ast.unparse(base).split(".")
            if words[0] in known:
                module, _, name = ".".join([known[words[0]], *words[1:]]).rpartition(".")
                yield Base(module=module, name=name, anew=frozenset(map(_declares, node.body)))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What a name in the file stands for, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)
        elif isinstance(node, ast.Import):
            first = ((one, one.name.partition(".")[0]) for one in node.names)
            yield from ((one.asname or name, one.name if one.asname else name) for one, name in first)


def _body(file: SourceFile, base: Base, package: str) -> Iterator[SourceFile]:
    lines = file.text.split("\n")
    for node in _parsed(file).body:
        if isinstance(node, ast.ClassDef) and node.name == base.name:
            text = [""] * len(lines)  # lines keep their numbers
            for one in node.body:
                if _declares(one) not in base.anew - {""}:
                    text[one.lineno - 1 : one.end_lineno] = lines[one.lineno - 1 : one.end_lineno]
            yield SourceFile(path=f"{package}/{file.path}", text="\n".join(text))


def _declares(statement: ast.stmt) -> str:
    """The name of a field; "" where it declares none."""
    target = statement.target if isinstance(statement, ast.AnnAssign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _parsed(file: SourceFile) -> ast.Module:
    """Nothing where it is no Python that this interpreter reads."""
    try:
        return ast.parse(file.text) if file.path.endswith(".py") else ast.Module(body=[], type_ignores=[])
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
