"""What a stranger reads is true: generated pages are current, links lead somewhere, examples load."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import yaml

from gonogo.cli import main
from gonogo.core.outcome import ExitCode, Kind, SkipReason
from gonogo.engine.inputs import RunOptions, load_policy, read_inputs, resolve_policy
from gonogo.engine.plan import World, make_plan, needed_capabilities
from gonogo.spec.content import find_verifications
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec
from gonogo.spec.suite import PolicySpec, SuiteSpec
from gonogo.stacks.services import declared_services

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
EXAMPLES = ROOT / "docs/examples/content"
OUTPUT = {"reports", "runs", "gonogo-demo", "dist", "build", "venv"}
FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
INLINE_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
LINK = re.compile(r"!?\[[^\]\[]*\]\((?P<target>[^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$", re.MULTILINE)
EXTERNAL = re.compile(r"^[a-z]+:")
VERIFICATIONS = {kind.value: kind for kind in (Kind.CHECK, Kind.LOAD, Kind.CHAOS, Kind.DRILL)}
KINDS = {*VERIFICATIONS, "stack", "suite", "policy"}


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    tops = [top for top in ROOT.iterdir() if top.is_dir() and not top.name.startswith(".") and top.name not in OUTPUT]
    return sorted([*ROOT.glob("*.md"), *(path for top in tops for path in top.rglob("*.md"))])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A fenced example that says which kind of file it is: ```yaml check"""

    page: Path
    line: int
    kind: str
    body: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}:{self.kind}"


def examples() -> list[Example]:
    found = []
    for page in pages():
        text = page.read_text()
        for match in FENCE.finditer(text):
            language, _, kind = match["info"].strip().partition(" ")
            if language == "yaml" and kind and not kind.startswith("file="):
                line = text.count("\n", 0, match.start()) + 1
                found.append(Example(page=page, line=line, kind=kind, body=match["body"]))
    return found


def slugs(path: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    made: set[str] = set()
    for match in HEADING.finditer(FENCE.sub("", path.read_text())):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match["text"]).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in made:
            number += 1
        made.add(unique)
    return made


def dead(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    goal = (page.parent / unquote(path)).resolve() if path else page
    if not goal.is_relative_to(ROOT) or not goal.exists():
        return True
    return bool(anchor) and (goal.suffix != ".md" or anchor not in slugs(goal))


def test_generated_pages_and_blocks_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/generate-docs"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run `make docs`\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_relative_link_is_dead(page: Path) -> None:
    text = INLINE_CODE.sub("", FENCE.sub("", page.read_text()))
    targets = [match["target"] for match in LINK.finditer(text)]
    assert [target for target in targets if not EXTERNAL.match(target) and dead(page, target)] == []


def test_a_dead_link_is_noticed() -> None:
    assert dead(README, "docs/no_such_page.md")
    assert dead(README, "docs/README.md#no-such-heading")
    assert dead(README, "../outside")
    assert not dead(README, "docs/README.md#guide")


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_yaml_on_a_page_can_be_parsed(page: Path) -> None:
    for match in FENCE.finditer(page.read_text()):
        if match["info"].split(" ")[0] == "yaml":
            assert yaml.safe_load(match["body"]) is not None, match["body"]


def test_every_marked_example_is_of_a_known_kind() -> None:
    assert {str(one) for one in examples() if one.kind not in KINDS} == set()
    assert {one.kind for one in examples()} == KINDS


@pytest.mark.parametrize("example", [one for one in examples() if one.kind in VERIFICATIONS], ids=str)
def test_an_example_of_a_verification_loads_and_names_what_there_is(example: Example, tmp_path: Path) -> None:
    kind = VERIFICATIONS[example.kind]
    path = tmp_path / kind.folder / ("delivery" if kind is Kind.CHECK else "") / "example_of_the_docs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(example.body)
    identifier = path.relative_to(tmp_path).with_suffix("").as_posix()
    inputs = read_inputs(RunOptions(content=(tmp_path,), only=(identifier,)))
    planned = [item.id for item in make_plan(inputs, World()).items if item.skip is not SkipReason.DESELECTED]
    assert planned == [identifier]
    steady = getattr(inputs.verifications[identifier].spec, "steady_state", ())
    assert set(steady) <= set(inputs.verifications)


@pytest.mark.parametrize("example", [one for one in examples() if one.kind == "stack"], ids=str)
def test_an_example_of_a_stack_loads_with_its_services(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(example.body)
    spec = load(path, StackSpec).spec
    assert set(declared_services(spec, path)) >= {spec.data.service, spec.contract.service}


@pytest.mark.parametrize("example", [one for one in examples() if one.kind in {"suite", "policy"}], ids=str)
def test_an_example_of_a_suite_or_policy_loads_and_names_what_there_is(example: Example, tmp_path: Path) -> None:
    path = tmp_path / f"{example.kind}.yaml"
    path.write_text(example.body)
    if example.kind == "suite":
        suite = load(path, SuiteSpec).spec
        assert set(suite.durations) <= set(find_verifications())
        return
    load(path, PolicySpec)
    policy = resolve_policy(load_policy(str(path)))
    named = {*policy.require, *policy.accept_unsupported, *(waiver.id for waiver in policy.waivers)}
    assert named <= set(find_verifications())


def test_the_content_folder_of_the_docs_can_be_planned_with_each_of_its_files() -> None:
    stacks = [RunOptions(content=(EXAMPLES,), stack=path.stem) for path in (EXAMPLES / "config/stacks").glob("*.yaml")]
    suites = [RunOptions(content=(EXAMPLES,), suite=path.stem) for path in (EXAMPLES / "config/suites").glob("*.yaml")]
    assert stacks
    assert suites
    for options in (*stacks, *suites):
        inputs = read_inputs(options)
        declared_services(inputs.stack.spec, inputs.stack.path)
        assert any(item.runs for item in make_plan(inputs, World()).items)
    for path in (EXAMPLES / "config/policies").glob("*.yaml"):
        load_policy(path.stem, (EXAMPLES,))


def test_the_examples_of_the_docs_are_shown_to_fail_like_everything_else() -> None:
    own = [one for one in find_verifications((EXAMPLES,)).values() if one.loaded.path.is_relative_to(EXAMPLES)]
    assert own
    for one in own:
        needed_capabilities(one)
        assert {name for defect in one.spec.defect for name in defect.fails} == set(one.spec.expectations())


def test_the_readme_tells_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d) \|", README.read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


COMMAND = re.compile(r"(?:^|`|: |- |&& )gonogo ([a-z]+(?:-[a-z]+)*)", re.MULTILINE)
IDENTIFIER = re.compile(r"\b((?:checks/[a-z_]+|loadtests|chaos|restore_drills)/[a-z_0-9]+)\b(?![/.*])")


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").rglob("*.md"))], ids=name)
def test_a_page_names_only_commands_and_verifications_that_there_are(page: Path) -> None:
    commands, known = main.list_commands(click.Context(main)), find_verifications((EXAMPLES,))
    text = page.read_text()
    code = [match["body"] for match in FENCE.finditer(text)]
    code += [match[0] for match in INLINE_CODE.finditer(FENCE.sub("", text))]
    assert [word for part in code for word in COMMAND.findall(part) if word not in commands] == []
    assert [one for one in IDENTIFIER.findall(text) if one not in known] == []


def test_no_page_names_a_path_of_somebodys_machine() -> None:
    private = re.compile(r"(?<![\w$~.])/(?:root|home|Users|work)/\S+")
    assert {name(page): found for page in pages() if (found := private.findall(page.read_text()))} == {}
