"""What all tests share: a state folder and a history of their own: no test sees or touches a run of its user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("GONOGO_STATE", str(tmp_path_factory.mktemp("state")))
    patch.setenv("GONOGO_HISTORY", str(tmp_path_factory.mktemp("history") / "history.sqlite"))
    for name in ("GONOGO_STACK", "GONOGO_SUITE", "GONOGO_POLICY", "GONOGO_RUNTIME", "GONOGO_OUT", "GITHUB_ACTIONS"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()
