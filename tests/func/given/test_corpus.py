"""The corpus on real servers: what is broken is caught, what is harmless is not, and a blind eye is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.func.given.conftest import short_folder

from gonogo.core.outcome import ExitCode
from gonogo.engine.corpus import drills
from gonogo.engine.corpus.matrix import HEALTHY, CorpusMatrix, Judged
from gonogo.engine.corpus.plan import CorpusOptions
from gonogo.pg import fingerprint

# One of each kind that showed a mistake when it was first tried, and a harmless one.
MEMBERS = (
    "sql/rows_lost/1", "tar/truncated/0@1", "custom/row_security/2", "sql/line_ends/*", "chain/wrong_version/0",
    "received/emptied_file/0",
)  # fmt: skip


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In memory where there is room; nothing may be left there."""
    folder = short_folder("gc-")
    monkeypatch.setenv("GONOGO_SCRATCH", str(folder))
    yield
    assert [one for top in folder.iterdir() for one in top.iterdir()] == []
    shutil.rmtree(folder)


def run(out: Path, *only: str) -> CorpusMatrix:
    return drills(CorpusOptions(out=out, seed=3, members=len(only), only=only), lambda _message: None)


def test_what_is_broken_is_caught_and_what_is_harmless_passes(tmp_path: Path) -> None:
    matrix = run(tmp_path, *MEMBERS)
    found = {one.id: one.judged for one in matrix.tried if one.mutation != HEALTHY}
    assert matrix.exit_code is ExitCode.GO, [one for one in matrix.tried if one.judged in {"missed", "false alarm"}]
    assert set(found.values()) == {Judged.CAUGHT, Judged.PASSED}
    assert len(found) == len(MEMBERS)


def test_a_blind_eye_is_noticed_and_the_artefact_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_compare_objects", lambda _before, _after: iter(()))
    matrix = run(tmp_path, "sql/row_security/0")
    (missed,) = [one for one in matrix.tried if one.mutation != HEALTHY]
    assert (missed.judged, matrix.exit_code) == (Judged.MISSED, ExitCode.NO_GO)
    assert (Path(missed.kept) / "backup").read_bytes().startswith(b"--\n-- PostgreSQL database dump")
