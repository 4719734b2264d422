"""Ways in which copies of a Chroma go wrong, on purpose: the drill has to notice each."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable
from gonogo.drills.stores import StoreArtefact
from gonogo.drills.stores._chroma import LEDGER, PLANTED, DrillChroma, connected
from gonogo.stacks.interfaces import StoreRequest

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

Defect = Callable[["Context", StoreArtefact, Any], StoreArtefact]
DATABASE = "chroma.sqlite3"
VECTORS = "data_level0.bin"
HEADER = struct.Struct("<i6Q")  # of hnswlib: version, offset, room, count, size of an element, its label's and vector's


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things lie in the file of an index. In bytes."""

    element: int  # the size of one: links, vector, label
    vector: int  # where in it the vector begins


def truncated_database(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """The disk was full, or the copy was cut."""
    file = _folder(artefact) / DATABASE
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 60 // 100)
    return artefact


def segment_file_missing(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """One file of an index was not copied."""
    (_segment(artefact) / VECTORS).unlink()
    return artefact


def segments_missing(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """Only the database was copied: it is where the data are, somebody thought."""
    drop_segments(artefact)
    return artefact


def drop_segments(artefact: StoreArtefact) -> None:
    """Remove the files of the largest index. Raises NotMeasurable where there are none."""
    shutil.rmtree(_segment(artefact))


def one_vector_changed(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """One bit of one vector in a file that has no checksum."""
    layout = _layout(_segment(artefact))
    file = _segment(artefact) / VECTORS
    content = bytearray(file.read_bytes())
    place = 5 * layout.element + layout.vector
    while content[place : place + 4] == bytes(4):  # a zero would become a number next to nothing
        place += 4
    content[place + 2] ^= 0x40
    file.write_bytes(content)
    return artefact


def links_lost(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """The graph's links are gone, all vectors are there: whoever counts sees nothing."""
    layout = _layout(_segment(artefact))
    file = _segment(artefact) / VECTORS
    content = bytearray(file.read_bytes())
    for start in range(0, len(content) - layout.element + 1, layout.element):
        content[start : start + 4] = bytes(4)
    file.write_bytes(content)
    return artefact


def collection_missing(context: Context, artefact: StoreArtefact, parameters: Any) -> StoreArtefact:
    """Exported collection by collection, and one was not on the list."""
    with _opened(context, artefact, parameters) as server:
        server.remove(PLANTED)
    return artefact


def text_changed(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """One document's text is another one."""
    change_text(artefact)
    return artefact


def change_text(artefact: StoreArtefact) -> None:
    """Change the text of the first document. Raises NotMeasurable where there is none."""
    change = "UPDATE embedding_metadata SET string_value = 'something else' WHERE key = 'chroma:document' AND id = 1"
    with closing(sqlite3.connect(_folder(artefact) / DATABASE)) as database, database:
        if database.execute(change).rowcount != 1:
            raise NotMeasurable("the copy holds no document to change")


def ledger_record_missing(context: Context, artefact: StoreArtefact, parameters: Any) -> StoreArtefact:
    """An acknowledged write is not there although later ones are."""
    with _opened(context, artefact, parameters) as server:
        server.drop(server.collection(LEDGER), ["5"])
    return artefact


def _folder(artefact: StoreArtefact) -> Path:
    from gonogo.drills.stores.chroma_directory import FOLDER  # noqa: PLC0415 - it names this module's defects

    return artefact.path / FOLDER


def _segment(artefact: StoreArtefact) -> Path:
    """The folder of the largest index. Raises NotMeasurable where every index is still in the database alone."""
    found = sorted(_folder(artefact).glob(f"*/{VECTORS}"), key=lambda one: one.stat().st_size)
    if not found:
        raise NotMeasurable("no index of the copy has files of its own yet")
    return found[-1].parent


def _layout(segment: Path) -> Layout:
    header = (segment / "header.bin").read_bytes()
    *_, element, _label, vector = HEADER.unpack_from(header)
    return Layout(element=element, vector=vector)


@contextmanager
def _opened(context: Context, artefact: StoreArtefact, parameters: Any) -> Iterator[DrillChroma]:
    """A server on the copy, to change it as its own; then the copy is what that leaves."""
    from gonogo.drills.stores._stopped import stopped  # noqa: PLC0415 - for the self-test alone
    from gonogo.drills.stores.chroma_directory import METHOD  # noqa: PLC0415 - as above

    source = METHOD.service(context, parameters)
    request = StoreRequest(service=source.name, fill=partial(METHOD.fill, context, parameters, artefact))
    with context.stack.scratch_store(request, context.deadline) as copy:
        with connected(copy) as server:
            yield server
        with stopped(context, copy):
            shutil.rmtree(_folder(artefact))
            copy.copy_out(".", _folder(artefact), context.deadline)


DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (
        truncated_database, segment_file_missing, segments_missing, one_vector_changed, links_lost, collection_missing,
        text_changed, ledger_record_missing,
    )
}  # fmt: skip
