"""The hand-made stack, made once for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.func.external.handmade import HandMade, make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandMade]:
    """PostgreSQL with a standby and the reference service, started by hand."""
    stack = make(tmp_path_factory.mktemp("handmade"))
    try:
        yield stack
    finally:
        stack.end()
