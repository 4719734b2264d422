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

from .errors import ModelUnavailable
from .settings import EmbeddingBackend, Settings

DIMENSIONS = 384
Vector = list[float]


class Embedder(Protocol):
    """Anything that turns texts into unit vectors."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text. Raises ModelUnavailable."""
        ...


def vector_literal(vector: Vector) -> str:
    """The text form of pgvector, sent as a parameter and cast by the server.

    >>> vector_literal([0.5, -1.0])
    '[0.5,-1]'
    """
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def unit(vector: Vector) -> Vector:
    """The vector scaled to length 1; the zero vector becomes the first axis.

    >>> unit([3.0, 4.0])
    [0.6, 0.8]
    """
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else [1.0] + [0.0] * (len(vector) - 1)


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
def _word_features(word: str) -> tuple[tuple[int, float], ...]:
    """Dimensions and weights of a word: its hash, its stem's, and those of its groups of three and four letters."""
    # Rare words tend to be long: a crude stand-in for the document frequencies that a hashing model does not have.
    weight = 0.05 if word in _STOPWORDS else min(len(word), 9) / 6
    marked = f"<{word}>"
    grams = [marked[at : at + size] for size in (3, 4) for at in range(len(marked) - size + 1)]
    gram_weight = 0.7 * weight / math.sqrt(len(grams))
    return (
        _signed(f"w:{word}", weight),
        _signed(f"s:{_stem(word)}", 1.5 * weight),
        *(_signed(f"g:{gram}", gram_weight) for gram in grams),
    )


def _signed(feature: str, weight: float) -> tuple[int, float]:
    bits = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
    return bits % (DIMENSIONS - 1), weight if bits & 0x8000_0000 else -weight


_IN_COMMON = 0.5
"""What the last dimension of every text holds. Trained models, too, put all texts into one cone; without it, texts are
as far from each other as from anything else, and the graph of a vector index has no path that leads to them."""


def hash_embedding(text: str) -> Vector:
    """A deterministic embedding: texts that share words, stems or parts of words are near each other."""
    vector = [0.0] * (DIMENSIONS - 1)
    for word, count in Counter(_WORD.findall(text.lower())).items():
        damping = 1 + math.log(count)
        for dimension, weight in _word_features(word):
            vector[dimension] += damping * weight
    own = math.sqrt(1 - _IN_COMMON**2)
    return [*(own * value for value in unit(vector)), _IN_COMMON]


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
            vectors = [[float(value) for value in item["embedding"]] for item in response.json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(retry_after=5) from error
        if len(vectors) != len(texts) or any(not _is_sound(vector) for vector in vectors):
            raise ModelUnavailable(retry_after=5)
        return [unit(vector) for vector in vectors]


def _is_sound(vector: Vector) -> bool:
    return len(vector) == DIMENSIONS and all(map(math.isfinite, vector)) and any(vector)


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
