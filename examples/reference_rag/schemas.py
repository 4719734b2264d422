"""The bodies of requests and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

MAX_TEXT_CHARACTERS = 100_000


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair.

    >>> is_storable("tide"), is_storable("a\\x00b"), is_storable("\\ud800")
    (True, False, False)
    """
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _checked(text: str) -> str:
    if not is_storable(text):
        msg = "must not contain NUL characters or lone surrogates"
        raise ValueError(msg)
    if not text.strip():
        msg = "must not be blank"
        raise ValueError(msg)
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_checked)]
Question = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_checked)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS), AfterValidator(_checked)]


class DocumentIn(BaseModel):
    """A document to store. Without an id it gets a new one; with a known id it replaces that document."""

    id: Name | None = None
    title: Name
    text: Text


class DocumentStored(BaseModel):
    """A stored document."""

    id: str
    chunks: int


class DocumentOut(BaseModel):
    """A document."""

    id: str
    title: str
    text: str
    created_at: datetime


class SearchIn(BaseModel):
    """A search."""

    query: Question
    k: Annotated[int, Field(ge=1, le=100)] = 10


class HitOut(BaseModel):
    """A passage that was found. The score is the cosine similarity, from -1 to 1."""

    document_id: str
    chunk_id: int
    title: str
    text: str
    score: float


class SearchOut(BaseModel):
    """The passages found, best first."""

    hits: list[HitOut]


class ChatIn(BaseModel):
    """A message in a session; a session begins with its first message."""

    session: Name
    message: Question


class SourceOut(BaseModel):
    """A document that an answer rests on."""

    document_id: str
    title: str
    score: float


class ChatOut(BaseModel):
    """An answer, its sources and the number of questions that the session has had."""

    answer: str
    sources: list[SourceOut]
    session: str
    turns: int


class Live(BaseModel):
    """The process is alive."""

    status: str = "alive"


class Ready(BaseModel):
    """The service can do its work."""

    status: str = "ready"
    checks: dict[str, str]
