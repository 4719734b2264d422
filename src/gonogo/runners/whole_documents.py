"""Documents with known fates, written through the application: what a restored stack has to have, and what not."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gonogo.core.errors import GonogoError, NotMeasurable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gonogo.stacks.context import Context
    from gonogo.stacks.contract import Answer, Application

NOT_FOUND = 404
SETTLE_SECONDS = 15.0
SETTLE_POLL_SECONDS = 0.1
K = 10


class Fate(StrEnum):
    """What became of a document."""

    KEPT = "kept"  # stored before the moment
    CHANGED = "changed"  # stored, changed before the moment, and once more after it
    DELETED = "deleted"  # before the moment
    LATER = "later"  # stored after the moment


HOW_MANY = {Fate.KEPT: 3, Fate.CHANGED: 1, Fate.DELETED: 2, Fate.LATER: 2}


@dataclass(slots=True, kw_only=True)
class Document:
    """One document. Each version has a word that occurs nowhere else; `acknowledged_at` in monotonic seconds."""

    id: str
    fate: Fate
    word: str = ""  # of the newest version
    at_moment: str = ""  # of the version that was there when the copies were made
    acknowledged_at: float = 0.0


def text_of(word: str) -> str:
    """What a version says."""
    return f"The code word {word} stands for {word[::-1]} in the papers of {word[:6]}."


@dataclass(slots=True, kw_only=True)
class Documents:
    """Writes them as a tenant; leaving deletes those that are there, whatever the drill came to."""

    context: Context
    application: Application
    tenant: str | None
    token: str = field(default_factory=lambda: secrets.token_hex(3))
    written: list[Document] = field(default_factory=list)
    unsettled: dict[Fate, str] = field(default_factory=dict)  # before the disaster, of documents of this fate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self.written:
            with suppress(GonogoError):
                answer = self.application.delete(self.tenant, one.id)
                if not (answer.ok or answer.status == NOT_FOUND):
                    self.context.progress(f"document {one.id} of the drill may stay: it {answer.outcome}")

    def store(self, fate: Fate) -> None:
        """Store the documents of a fate."""
        for number in range(HOW_MANY[fate]):
            document = Document(id=f"gonogo-drill-{self.token}-{fate}-{number}", fate=fate)
            self._ingest(document)
            self.written.append(document)

    def change(self) -> None:
        """Store the next version of those that change."""
        for one in self.of(Fate.CHANGED):
            self._ingest(one)

    def delete(self) -> None:
        """Delete those that are to be gone at the moment. Raises NotMeasurable."""
        for one in self.of(Fate.DELETED):
            self._ok(self.application.delete(self.tenant, one.id), "a document cannot be deleted")

    def settle(self) -> None:
        """Wait until the application shows what it acknowledged; `unsettled` says where it does not, even in time.

        Some index what they took later, or keep showing what was deleted: that is none of a restore's doing.
        """
        limit = self.context.deadline.within(SETTLE_SECONDS)
        while True:
            self.unsettled = {one.fate: f"{one.id}: {why}" for one in self.written if (why := self._unlike(one))}
            if not self.unsettled or limit.expired:
                return
            self.context.deadline.sleep(SETTLE_POLL_SECONDS)

    def _unlike(self, one: Document) -> str:
        seen = look_for(self.application, self.tenant, one, one.word)
        if one.fate is Fate.DELETED:
            return "the application still shows it" if seen.fetched or seen.found else ""
        return "the application does not find it" if seen.fetched is False or not seen.in_this_version else ""

    def mark_moment(self) -> None:
        """From now on the copies are made."""
        for one in self.written:
            one.at_moment = one.word

    def of(self, fate: Fate) -> Iterator[Document]:
        """The documents of a fate."""
        return (one for one in self.written if one.fate is fate)

    def _ingest(self, document: Document) -> None:
        document.word = f"x{secrets.token_hex(6)}"
        title, text = f"About {document.word}", text_of(document.word)
        answer = self.application.ingest(self.tenant, document.id, title, text)
        self._ok(answer, "a document cannot be stored")
        document.acknowledged_at = time.monotonic()
        document.id = self.application.stored_id(answer, document.id)

    @staticmethod
    def _ok(answer: Answer, what: str) -> None:
        if not answer.ok:
            raise NotMeasurable(f"{what}: {answer.request} answered {answer.outcome}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an application says of a document."""

    fetched: bool | None  # None: the contract has no request for it
    found: bool  # a search for its words finds it
    in_this_version: bool


def look_for(application: Application, tenant: str | None, document: Document, word: str) -> Seen:
    """Fetch it, and search for the words of one of its versions."""
    fetched = application.document(tenant, document.id).ok if application.declares("document") else None
    searched = application.search(tenant, f"About {word}\n{text_of(word)}", K)
    hits = [hit for hit in searched.hits if hit.document == document.id]
    version = any(not hit.text or word in hit.text for hit in hits)
    return Seen(fetched=fetched, found=bool(hits), in_this_version=version)
