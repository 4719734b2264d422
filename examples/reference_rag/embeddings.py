"""Turning texts into unit vectors of 384 dimensions."""

import asyncio
import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from .errors import ModelUnavailable
from .settings import EmbeddingBackend, Settings

DIMENSIONS = 384
Vector = NDArray[np.float32]


class Embedder(Protocol):
    """Anything that turns texts into unit vectors."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text. Raises ModelUnavailable."""
        ...


def vector_literal(vector: Vector) -> str:
    """The text form of pgvector, sent as a parameter and cast by the server.

    >>> vector_literal(np.array([0.5, -1], dtype=np.float32))
    '[0.5,-1]'
    """
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"


_WORD = re.compile(r"[^\W_]+")
_COMMON_WORDS = (
    "a about after all also am an and any are as at be because been before being but by can could did do does for from"
    " had has have he her hers him his how i if in into is it its me more most my no not of on one only or other our"
    " out over she so some such tell than that the their them then there these they this those through to under up us"
    " was we were what when where which while who whom whose why will with would you your"
)
_STOPWORDS = frozenset(_COMMON_WORDS.split())
_SUFFIXES = ("ations", "ation", "ings", "ing", "edly", "ed", "ies", "ers", "er", "es", "ly", "s", "e", "y")


def _stem(word: str) -> str:
    """Cut the commonest English endings.

    >>> _stem("lighting"), _stem("lights"), _stem("light")
    ('light', 'light', 'light')
    """
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


@lru_cache(maxsize=50_000)
def _word_vector(word: str) -> Vector:
    """The signed hash of a word's features: itself, its stem, and its groups of three and four letters."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    marked = f"<{word}>"
    grams = [marked[at : at + size] for size in (3, 4) for at in range(len(marked) - size + 1)]
    _add(vector, f"w:{word}", 1.0)
    _add(vector, f"s:{_stem(word)}", 1.5)
    for gram in grams:
        _add(vector, f"g:{gram}", 0.7 / math.sqrt(len(grams)))
    # Rare words tend to be long: a crude stand-in for the document frequencies that a hashing model does not have.
    vector *= 0.05 if word in _STOPWORDS else min(len(word), 9) / 6
    vector.flags.writeable = False  # it is shared through the cache
    return vector


def _add(vector: Vector, feature: str, weight: float) -> None:
    bits = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
    vector[bits % DIMENSIONS] += weight if bits & 0x8000_0000 else -weight


def hash_embedding(text: str) -> Vector:
    """A deterministic embedding: texts that share words, stems or parts of words are near each other."""
    counts = Counter(_WORD.findall(text.lower()))
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    for word, count in counts.items():
        vector += _word_vector(word) * (1 + math.log(count))
    length = float(np.linalg.norm(vector))
    if length == 0:  # nothing but punctuation
        vector[0] = length = 1.0
    return vector / np.float32(length)


class HashingEmbedder:
    """Embeds without a model; see hash_embedding."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A single text at once; many in a thread, so that other requests go on meanwhile."""
        if len(texts) == 1:
            return [hash_embedding(texts[0])]
        return await asyncio.to_thread(lambda: [hash_embedding(text) for text in texts])


class OpenAIEmbedder:
    """Asks an OpenAI-compatible endpoint."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._url = f"{settings.openai_base_url.rstrip('/')}/embeddings"
        self._model = settings.embedding_model
        self._client = client

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One call for all texts. Raises ModelUnavailable."""
        request = {"model": self._model, "input": list(texts), "dimensions": DIMENSIONS}
        try:
            response = await self._client.post(self._url, json=request)
            response.raise_for_status()
            vectors = [np.array(item["embedding"], dtype=np.float32) for item in response.json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(retry_after=5) from error
        if len(vectors) != len(texts) or any(not _is_sound(vector) for vector in vectors):
            raise ModelUnavailable(retry_after=5)
        return [vector / np.linalg.norm(vector) for vector in vectors]


def _is_sound(vector: Vector) -> bool:
    return vector.shape == (DIMENSIONS,) and bool(np.isfinite(vector).all()) and bool(vector.any())


def make_embedder(settings: Settings, client: httpx.AsyncClient) -> Embedder:
    """The embedder that the settings name."""
    match settings.embeddings:
        case EmbeddingBackend.HASHING:
            return HashingEmbedder()
        case EmbeddingBackend.OPENAI:
            return OpenAIEmbedder(settings, client)
        case EmbeddingBackend.MINILM:
            from .minilm import MiniLmEmbedder  # noqa: PLC0415  # an optional extra, loaded only when asked for

            return MiniLmEmbedder()
