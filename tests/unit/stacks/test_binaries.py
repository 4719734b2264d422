"""Which PostgreSQL is taken: of a major version, that of a package where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.errors import StackError
from gonogo.stacks.local import binaries
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.binaries import binaries_of, packaged
from gonogo.stacks.local.walls import Walls


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Packages of 15 and 17, one of 16 that does not work, and one of 14 that says it is something else."""
    for folder, said in {"15": "15.18 (Debian)", "17": "17.2", "16": None, "14": "13.4"}.items():
        program = tmp_path / folder / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {said}'" if said else "#!/bin/sh\nexit 1")
        program.chmod(0o755)
    for above in (tmp_path, *tmp_path.parents):  # pytest's folders are its user's own
        above.chmod(above.stat().st_mode | 0o011)
        if above.name.startswith("pytest-of-"):
            break
    monkeypatch.setattr(binaries, "PLACES", (f"{tmp_path}/{{}}/bin",))
    monkeypatch.setenv("GONOGO_PG_BINDIR", str(tmp_path / "17" / "bin"))
    return tmp_path


def test_only_what_works_counts(installed: Path) -> None:
    assert [(one.major, one.version) for one in packaged(unprivileged())] == [(13, "13.4"), (15, "15.18"), (17, "17.2")]
    assert installed.is_dir()


@pytest.mark.parametrize(("major", "found"), [(None, 17), (17, 17), (15, 15), (13, 13), (16, 17), (99, 17)])
def test_a_package_of_that_version_is_taken_else_the_usual_one(installed: Path, major: int | None, found: int) -> None:
    assert binaries_of(major, unprivileged()).major == found
    assert installed.is_dir()


def test_without_any_it_is_an_error(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_PG_BINDIR", str(installed / "16" / "bin"))
    with pytest.raises(StackError, match="does not work"):
        binaries_of(None, unprivileged())


def test_programs_that_are_not_in_a_folder_of_their_own_have_no_libraries_beside_them(tmp_path: Path) -> None:
    walls = Walls(account=unprivileged(), bindir=Path("/usr/bin"), box=tmp_path, root=tmp_path / "root")
    assert str(walls.environment.get("HOME")) == str(tmp_path)
