"""What the files probe sees in a tree, and when it refuses to say anything."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.probes._dockerfile import read_dockerfile
from gonogo.probes.files import FilesParameters, observe_tree
from gonogo.stacks.sources import SourceTree

Files = dict[str, str]


@pytest.fixture
def look(tmp_path: Path) -> Any:
    """Observations by name of a tree that holds the given files."""

    def observe(files: Files, **rules: Any) -> dict[str, Observation]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        parameters = FilesParameters.model_validate(rules)
        return {one.name: one for one in observe_tree(SourceTree(root=tmp_path), parameters)}

    return observe


def test_variables_are_compared_in_both_directions(look: Any) -> None:
    code = 'a = os.environ["DATABASE_URL"]\nb = os.getenv("POOL")\nc = Field(alias="LIMIT")\nd = environ.get("PATH")\n'
    example = "DATABASE_URL=x\n# tenant=key, as a sentence says\n#LIMIT=5\nexport OLD=1\n"

    seen = look({"app/main.py": code, ".env.example": example}, environment={})

    assert seen["undocumented_variables"].value == ("POOL (app/main.py:2)",)
    assert seen["unread_variables"].value == ("OLD",)
    assert seen["undocumented_variables"].n == 3


def test_a_missing_example_leaves_every_variable_undocumented(look: Any) -> None:
    seen = look({"main.py": 'os.environ["KEY"]\n'}, environment={})

    assert seen["undocumented_variables"].value == ("KEY (main.py:1)",)
    assert seen["unread_variables"].n == 0  # too few samples: UNKNOWN, not PASS


@pytest.mark.parametrize(
    ("imported", "base"),
    [
        ("from shared.config import Base as B", "B"),
        ("from shared import config", "config.Base"),
        ("import shared.config", "shared.config.Base"),
        ("import shared.config as c", "c.Base"),
    ],
)
def test_what_a_base_class_beside_reads_is_read_here(tmp_path: Path, imported: str, base: str) -> None:
    """Other classes there may be documented, and need not be; a field that is declared anew is another one."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/__init__.py").touch()
    (tmp_path / "shared/config.py").write_text(
        'class Other:\n    other: int = Field(alias="OTHER")\n'
        'class Base:\n    pool: int = Field(alias="POOL")\n'
        '    old: int = Field(alias="OLD")\n    wait: int = Field(alias="WAIT")\n'
    )
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text(f"{imported}\nclass Settings({base}):\n    old: int = 1\n")
    (tmp_path / "app/.env.example").write_text("WAIT=5\nOTHER=1\n")

    parameters = FilesParameters.model_validate({"environment": {}})
    seen = {one.name: one.value for one in observe_tree(SourceTree(root=tmp_path / "app"), parameters)}

    assert seen == {"undocumented_variables": ("POOL (shared/config.py:4)",), "unread_variables": ()}


@pytest.mark.parametrize(
    "rules",
    [
        {"environment": {}},
        {"secrets": {"files": "*.java"}},
        {"must_match": {"x": {"files": "nowhere/*", "pattern": "x"}}},
        {"must_not_match": {"x": {"files": "nowhere/*", "pattern": "x"}}},
        {"dockerfile": "Dockerfile"},
    ],
)
def test_a_rule_that_meets_nothing_measures_nothing(look: Any, rules: dict[str, Any]) -> None:
    with pytest.raises(NotMeasurable):
        look({"main.py": "print(1)\n"}, **rules)


def test_a_folder_without_files_has_no_missing_files_either(look: Any) -> None:
    with pytest.raises(NotMeasurable, match="no file"):
        look({}, exist=["README.md"])


def test_a_rule_is_looked_for_in_every_file_it_names(look: Any) -> None:
    files = {"a/x.yaml": "limit: 5\n", "b.yaml": "no: 1\n", "c.txt": "TODO\nfine\nTODO\n"}

    seen = look(files, must_not_match={"todo": {"files": ["*.txt"], "pattern": "TODO"}}, exist=[["x", "b.yaml"], "y"])

    assert seen["todo"].value == ("c.txt:1", "c.txt:3")
    assert seen["missing_files"].value == ("y",)


def test_a_pattern_must_match_in_every_file(tmp_path: Path) -> None:
    for name, text in (("x.yaml", "a: 1\nlimit: 5\n"), ("b/y.yaml", "no limit: 1\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    rules = FilesParameters.model_validate({"must_match": {"limited": {"files": "**/*.yaml", "pattern": "^limit:"}}})

    found = observe_tree(SourceTree(root=tmp_path), rules)

    assert [(one.name, one.subject, one.value) for one in found] == [
        ("limited", "b/y.yaml", False),
        ("limited", "x.yaml", True),
    ]


SECRETS = {
    "key.pem": "-----BEGIN RSA PRIVATE KEY-----\n",
    "aws.py": 'x = "AKIA' + 'Q3EGBNYV4XJZ2T7W"\n',
    "model.py": 'x = "sk-' + 'proj-9vQ2mXbT7eLrW4zKcY8nHd3F"\n',
    "compose.yaml": "\n\nurl: postgres://app:" + "s3cr3t-9@db/rag\n",
    "code.py": "\nadmin_password = '" + "correct-horse-7'\n",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_named_by_its_place_and_never_by_its_value(look: Any, name: str) -> None:
    secrets = look({name: SECRETS[name]}, secrets={})["secrets"]

    (place,) = secrets.value
    assert place.startswith(f"{name}:{SECRETS[name].count(chr(10), 0, -1) + 1} (")
    assert not any(word in place for word in ("s3cr3t", "horse", "9vQ2", "AKIA"))


def test_placeholders_and_references_are_no_secrets(look: Any) -> None:
    text = (
        "DATABASE_URL=postgresql://app:change-this@db/rag\nurl = f'postgresql://{user}:{password}@host/x'\n"
        'password = "${DB_PASSWORD_9}"\ntoken = os.environ["TOKEN"]\npassword: "your-password-123"\n'
    )

    assert look({".env.example": text}, secrets={})["secrets"].value == ()


def test_what_a_team_allows_is_no_secret(look: Any) -> None:
    assert look({"compose.yaml": SECRETS["compose.yaml"]}, secrets={"allowed": "^s3cr3t-9$"})["secrets"].value == ()


def test_what_git_ignores_is_no_source_and_what_it_tracks_is(look: Any, tmp_path: Path) -> None:
    files = {".gitignore": ".env\n", ".env": SECRETS["compose.yaml"], "main.py": "x = 1\n"}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert look(files, secrets={})["secrets"].value == ()

    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", ".env"], check=True)
    assert look(files, secrets={})["secrets"].value == (".env:3 (password in a URL)",)


@pytest.mark.parametrize(
    ("text", "ordinary", "healthy", "unpinned"),
    [
        ("FROM a:1\nUSER 10001\nHEALTHCHECK CMD x\n", True, True, ()),
        ("FROM a:1\nUSER app\nUSER root\n", False, False, ()),
        ("FROM a:1\n", False, False, ()),
        ("FROM a:1 AS build\nUSER app\nHEALTHCHECK CMD x\nFROM b\nCOPY --from=build x y\n", False, False, ("b",)),
        ("FROM a:1 AS base\nUSER app\nHEALTHCHECK CMD x\nFROM base\nHEALTHCHECK NONE\n", True, False, ()),
        ("ARG WHO\nFROM --platform=x a:latest\n# USER app\nUSER $WHO\n", None, False, ("a:latest",)),
        ("FROM a@sha256:00\nUSER 0:0\nHEALTHCHECK \\\n  CMD x\n", False, True, ()),
    ],
)
def test_only_the_last_stage_of_a_dockerfile_counts(
    text: str, ordinary: bool | None, healthy: bool, unpinned: tuple[str, ...]
) -> None:
    facts = read_dockerfile(text)

    assert (facts.ordinary_user, facts.health_check, facts.unpinned_images) == (ordinary, healthy, unpinned)


def test_wrong_parameters_are_refused_when_the_plan_is_made() -> None:
    with pytest.raises(ValidationError, match="nothing to look at"):
        FilesParameters.model_validate({})
    with pytest.raises(ValidationError, match="not a regular expression"):
        FilesParameters.model_validate({"must_match": {"x": {"files": "*", "pattern": "("}}})
