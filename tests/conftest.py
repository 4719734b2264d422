"""What all tests share: a state folder and a history of their own: no test sees or touches a run of its user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

LONG = ("tests/docker/", "tests/func/", "tests/browser/", "tests/projects/")  # folders whose tests start stacks


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker is alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("GONOGO_STATE", str(tmp_path_factory.mktemp("state")))
    patch.setenv("GONOGO_HISTORY", str(tmp_path_factory.mktemp("history") / "history.sqlite"))
    for name in ("GONOGO_STACK", "GONOGO_SUITE", "GONOGO_POLICY", "GONOGO_RUNTIME", "GONOGO_OUT", "GITHUB_ACTIONS"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()
