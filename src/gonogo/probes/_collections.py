"""The collections of a vector store beside the database, as the stack file declares them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.spec.base import Spec
from gonogo.stacks.chroma import Chroma, Collection, chroma_of

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.spec.stack import CollectionSpec
    from gonogo.stacks.context import Context


class CollectionParameters(Spec):
    """`collection`: a key of the stack file's data.collections; default all of them."""

    collection: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A declared collection, its server and what that says of it."""

    key: str
    spec: CollectionSpec
    server: Chroma
    found: Collection


def declared_collections(context: Context, parameters: CollectionParameters) -> Iterator[Declared]:
    """Those that the parameters name. Raises NotMeasurable where none is declared, or the server has not got one."""
    declared = context.stack.spec.data.collections
    wanted = [parameters.collection] if parameters.collection is not None else list(declared)
    unknown = [key for key in wanted if key not in declared]
    if unknown or not wanted:
        what = f"no {', '.join(unknown)}" if unknown else "none"
        raise NotMeasurable(f"data.collections of the stack file says what a vector store holds, and it names {what}")
    for key in wanted:
        spec = declared[key]
        with chroma_of(context.stack, spec.service) as server:
            yield Declared(key=key, spec=spec, server=server, found=server.collection(spec.collection or key))


def table_of(context: Context, declared: Declared) -> TableFacts:
    """The table whose rows the collection holds the vectors of. Raises NotMeasurable."""
    facts = context.facts.tables.get(declared.spec.table)
    if facts is None:
        raise NotMeasurable(f"there is no table {declared.spec.table} to compare {declared.key} with")
    return facts
