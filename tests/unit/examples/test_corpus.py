"""The corpus of the reference service keeps what its README promises, and its questions can be answered."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_rag.chunking import chunks_of
from reference_rag.embeddings import hash_embedding
from reference_rag.seed import filler_vectors

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CORPUS = EXAMPLES / "reference_rag" / "corpus"


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


PASSAGES = _lines("passages.jsonl")
QUESTIONS = _lines("questions.jsonl")


def test_there_are_enough_passages_and_questions() -> None:
    sizes = Counter(passage["tenant"] for passage in PASSAGES)
    assert sizes.keys() == {"acme", "globex", "initech"}
    assert sizes["acme"] >= 170
    assert sizes["globex"] >= 120
    assert 20 <= sizes["initech"] <= 25
    assert sum(sizes.values()) >= 330
    assert len(QUESTIONS) >= 90
    assert min(Counter(question["tenant"] for question in QUESTIONS).values()) >= 20


def test_no_id_is_used_twice() -> None:
    passages = Counter((passage["tenant"], passage["id"]) for passage in PASSAGES)
    questions = Counter(question["id"] for question in QUESTIONS)
    assert [key for key, count in passages.items() if count > 1] == []
    assert [key for key, count in questions.items() if count > 1] == []


def test_no_title_text_or_question_is_used_twice() -> None:
    for texts in (
        [passage["title"] for passage in PASSAGES],
        [passage["text"] for passage in PASSAGES],
        [question["question"] for question in QUESTIONS],
    ):
        assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_every_question_has_its_document_at_its_own_tenant() -> None:
    known = {(passage["tenant"], passage["id"]) for passage in PASSAGES}
    assert [q["id"] for q in QUESTIONS if (q["tenant"], q["document"]) not in known] == []


def test_every_passage_has_its_promised_length_and_is_one_chunk() -> None:
    lengths = {passage["id"]: len(passage["text"].split()) for passage in PASSAGES}
    assert {name: length for name, length in lengths.items() if not 50 <= length <= 110} == {}
    assert [passage["id"] for passage in PASSAGES if len(chunks_of(passage["text"])) != 1] == []


def test_lines_hold_what_the_readme_names_and_nothing_else() -> None:
    assert {tuple(sorted(passage)) for passage in PASSAGES} == {("id", "tenant", "text", "title")}
    assert {tuple(sorted(question)) for question in QUESTIONS} == {("document", "id", "question", "tenant")}


def test_a_question_does_not_copy_its_passage() -> None:
    texts = {(passage["tenant"], passage["id"]): passage["text"].lower() for passage in PASSAGES}
    copied = [q["id"] for q in QUESTIONS if q["question"].rstrip("?").lower() in texts[q["tenant"], q["document"]]]
    assert copied == []


def test_filler_is_the_same_in_every_run_and_has_length_one() -> None:
    tenants, vectors = filler_vectors(500)
    again_tenants, again = filler_vectors(500)
    assert (tenants == again_tenants).all()
    assert (vectors == again).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    assert set(tenants.tolist()) == {"acme", "globex"}  # initech stays tiny


def test_filler_is_clustered() -> None:
    """Without clusters the nearest neighbour is hardly nearer than any other, and recall means nothing."""
    _, vectors = filler_vectors(2000)
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -1.0)
    assert float(np.median(similarities.max(axis=1))) > float(np.median(similarities)) + 0.5


def _ranks() -> dict[str, int]:
    """For each question, how many passages and filler vectors of its tenant are nearer than its document."""
    tenants, filler = filler_vectors(10_000)
    ranks = {}
    for tenant in ("acme", "globex", "initech"):
        passages = [passage for passage in PASSAGES if passage["tenant"] == tenant]
        texts = np.array([hash_embedding(f"{passage['title']}\n{passage['text']}") for passage in passages])
        vectors = np.vstack([texts, filler[tenants == tenant]])
        at = {passage["id"]: number for number, passage in enumerate(passages)}
        for question in (each for each in QUESTIONS if each["tenant"] == tenant):
            scores = vectors @ np.array(hash_embedding(question["question"]))
            ranks[question["id"]] = int((scores > scores[at[question["document"]]]).sum())
    return ranks


def test_the_known_document_is_found_among_all_filler() -> None:
    ranks = _ranks()
    assert len(ranks) == len(QUESTIONS)
    share_first = sum(rank == 0 for rank in ranks.values()) / len(ranks)
    assert share_first >= 0.95, {name: rank for name, rank in ranks.items() if rank > 0}
    assert {name: rank for name, rank in ranks.items() if rank >= 5} == {}
