"""PostgreSQL and a Chroma that somebody else runs: both are read, neither is written to."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.func.cli.gonogo import gonogo, run_json
from tests.func.external.handmade import HandMade, everything

from gonogo.core.errors import MissingCapability
from gonogo.stacks.local.ports import Ports
from gonogo.stacks.services import Declared
from gonogo.stacks.services.chroma import SERVICE, ChromaParameters, find_program

PLACE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
START_SECONDS = 60.0
PAGE = 200
CHECKS = ("stores_agree", "store_measures_as_declared", "store_finds_the_true_neighbours")
DECLARED = (
    "  collections: {passages: {service: vectors, table: chunks, text: content, distance: cosine, dimensions: 384}}\n"
)


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """A Chroma that was started by hand, with the collection `passages`."""

    client: httpx.Client
    url: str
    collection: str

    def call(self, action: str, **body: Any) -> Any:
        """A request about the collection."""
        answer = self.client.post(f"{PLACE}/{self.collection}/{action}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def everything(self) -> Any:
        """Whatever somebody could have changed: the collections, and every record of the one that there is."""
        return self.client.get(PLACE).json(), self.call("get", include=["documents", "embeddings", "metadatas"])


@pytest.fixture(scope="module")
def vectors(made: HandMade) -> Iterator[Vectors]:
    """The vectors of the hand-made stack's table, in a Chroma of its own."""
    kind: Any = SERVICE  # its parameters are a narrower type than the protocol's
    wanted = Declared(
        name="vectors", kind=kind, kind_name="chroma", optional=False, parameters=ChromaParameters(), folder=Path("/")
    )
    try:
        program = find_program(wanted)
    except MissingCapability as error:
        if os.environ.get("GONOGO_REQUIRE_CHROMA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    ports = Ports()
    port = ports.take()
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as log:
        command = [str(program), "run", "--path", f"{folder}/data", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                _await(client)
                yield _filled(client, url, made)
        finally:
            server.kill()
            server.wait()


def _await(client: httpx.Client) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            if client.get("/api/v2/heartbeat").is_success:
                return
        time.sleep(0.1)
    raise AssertionError("Chroma does not answer")


def _filled(client: httpx.Client, url: str, made: HandMade) -> Vectors:
    settings = {"hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200}}
    answer = client.post(PLACE, json={"name": "passages", "configuration": settings})
    assert answer.is_success, answer.text
    found = Vectors(client=client, url=url, collection=answer.json()["id"])
    rows = made.db.ask("SELECT id::text, content, embedding::real[] FROM chunks ORDER BY id")
    for start in range(0, len(rows), PAGE):
        ids, texts, values = map(list, zip(*rows[start : start + PAGE], strict=True))
        found.call("add", ids=ids, documents=texts, embeddings=values)
    return found


def checked(made: HandMade, vectors: Vectors, out: Path, **changes: str) -> dict[str, dict[str, Any]]:
    """The findings of the checks of both stores."""
    stack = made.stack_file("with_vectors")
    text = stack.read_text().replace("  app: {", '  vectors: {kind: chroma, url: "${env.CHROMA_URL}"}\n  app: {', 1)
    stack.write_text(text.replace("  production_size", f"{DECLARED}  production_size", 1))
    only = [word for name in CHECKS for word in ("--only", f"checks/vector_index/{name}")]
    ended = gonogo(
        "check", *only, "--stack", stack, "--out", out,
        environment={**made.environment, "CHROMA_URL": vectors.url, **changes},
    )  # fmt: skip
    assert ended.code in {0, 1, 3}, ended.err
    return {one["id"].rpartition("/")[2]: one for one in run_json(out)["findings"]}


def test_both_stores_are_checked_and_left_as_they_were(made: HandMade, vectors: Vectors, tmp_path: Path) -> None:
    before = everything(made.db), vectors.everything()
    found = checked(made, vectors, tmp_path / "run")
    assert {name: found[name]["outcome"] for name in CHECKS} == dict.fromkeys(CHECKS, "PASS"), found
    assert (everything(made.db), vectors.everything()) == before


def test_a_vector_without_a_row_is_named(made: HandMade, vectors: Vectors, tmp_path: Path) -> None:
    vectors.call("add", ids=["nobody"], documents=["of nobody"], embeddings=[[1.0] + [0.0] * 383])
    try:
        found = checked(made, vectors, tmp_path / "run")["stores_agree"]
        assert found["outcome"] == "FAIL"
        assert "nobody" in str(found["observations"])
    finally:
        vectors.call("delete", ids=["nobody"])


def test_a_chroma_that_does_not_answer_is_unknown(made: HandMade, vectors: Vectors, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{Ports().take()}"
    found = checked(made, vectors, tmp_path / "run", CHROMA_URL=nobody)
    for name in CHECKS:
        assert found[name]["outcome"] == "UNKNOWN", found[name]
        assert "Chroma does not answer" in found[name]["reason"]
