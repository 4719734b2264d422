"""YAML errors name file, line, what was found and what is allowed, all at once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.core.errors import SpecError, UsageError
from gonogo.spec.content import find_verifications
from gonogo.spec.loader import load, parse
from gonogo.spec.stack import StackSpec
from gonogo.spec.suite import PolicySpec
from gonogo.spec.verification import CheckSpec

GOOD = "title: A sentence that is long enough\nprobe: sql\nexpect: {violations: {empty: true}}\n"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load(path, CheckSpec)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_all_problems_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = problems(
        tmp_path / "check.yaml",
        "titel: A sentence that is long enough\nprobe: sql\nseverity: critcal\nexpect:\n  violations: {emtpy: true}\n",
    )
    assert [one.split(":", 2)[0] for one in found] == ["1", "1", "3", "5"]
    text = "\n".join(found)
    assert "title: is required" in text
    assert "titel: unknown key; did you mean 'title'?" in text
    assert "severity: found 'critcal'; did you mean 'critical'?; allowed: critical, high, medium, low" in text
    assert "emtpy: unknown key; did you mean 'empty'?" in text


def test_a_duplicate_key_is_an_error_that_names_the_first_line(tmp_path: Path) -> None:
    found = problems(tmp_path / "check.yaml", GOOD + "probe: http\n")
    assert found == ["4:1: duplicate key 'probe', first used in line 2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: is empty"),
        ("title: [", "is not valid YAML"),
        ("title: !!python/object:os.system x\n", "is not allowed"),
        ("? [a, b]\n: c\n", "a key must be plain text"),
        (GOOD + "--- \nsecond: document\n", "is not valid YAML"),
    ],
)
def test_yaml_that_is_no_plain_mapping_is_an_error_with_a_place(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in one for one in problems(tmp_path / "check.yaml", text))


def test_words_of_old_yaml_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("a: on\nb: no\nc: 12:30\nd: 2027-01-31\ne: 1e3\nf: 010\ng: 10_000\n")
    assert parse(path).data == {"a": "on", "b": "no", "c": "12:30", "d": "2027-01-31", "e": 1000.0, "f": 10, "g": 10000}


def test_aliases_that_explode_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 7))
    path.write_text("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + levels)
    with pytest.raises(SpecError, match="nodes"):
        parse(path)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_gives_a_document_or_a_spec_error(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "check.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(SpecError):  # anything else fails the test
        load(path, CheckSpec)


def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        load(tmp_path / "absent.yaml", CheckSpec)


def test_a_defect_must_name_an_expectation(tmp_path: Path) -> None:
    found = problems(tmp_path / "check.yaml", GOOD + "defect:\n  - {sql: DROP TABLE x, fails: [violation]}\n")
    assert "violation, which is no expectation (known: violations)" in found[0]


def test_an_expectation_needs_exactly_one_matcher_and_known_units(tmp_path: Path) -> None:
    found = problems(
        tmp_path / "check.yaml",
        "title: A sentence that is long enough\nprobe: sql\n"
        "expect:\n  a: {at_most: 5, at_least: 1}\n  b: {at_most: 5 parsecs}\n",
    )
    assert "exactly one matcher is needed" in found[0]
    assert "unknown unit 'parsecs'" in found[1]


def test_stacks_and_waivers_are_validated(tmp_path: Path) -> None:
    stack = tmp_path / "stack.yaml"
    stack.write_text("stack: Bad Name\nservices: {db: {kind: postgres}}\ncontract: {search: {request: GIMME}}\n")
    with pytest.raises(SpecError) as caught:
        load(stack, StackSpec)
    assert len(caught.value.problems) == 2
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "policy: mine\nwaivers:\n  - {id: checks/api/x, owner: me, reason: r, approved_by: you, expires: 2027}\n"
    )
    with pytest.raises(SpecError, match="is not an ISO date such as 2027-01-31"):
        load(policy, PolicySpec)


def test_content_of_a_user_is_found_and_its_errors_name_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "checks" / "api"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(GOOD)
    assert "checks/api/mine" in find_verifications([tmp_path])
    (folder / "search_finds_the_known_answer.yaml").write_text(GOOD)
    with pytest.raises(SpecError, match="is defined twice; first in"):
        find_verifications([tmp_path])
    with pytest.raises(UsageError, match="does not exist"):
        find_verifications([tmp_path / "absent"])


def test_a_check_in_a_folder_of_no_area_gets_a_suggestion(tmp_path: Path) -> None:
    folder = tmp_path / "checks" / "isolaton"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(GOOD)
    with pytest.raises(SpecError, match="did you mean 'isolation'"):
        find_verifications([tmp_path])


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_both_parsers_read_every_file_of_the_content_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    files = [path for top in ("checks", "chaos", "config", "loadtests", "restore_drills") for path in
             (root / top).rglob("*.yaml")]  # fmt: skip
    fast = [parse(path) for path in files]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)

    assert len(files) > 70
    assert [parse(path) for path in files] == fast


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "- " * 900 + "a", "a: " + "[" * 900 + "]" * 900])
def test_deep_nesting_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path / "check.yaml", text) == ["1:1: is nested too deeply"]
