"""report.html as text: what it says, in which order, and that nothing in a run can become markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.golden import runs

from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.formats.html import render
from gonogo.spec.content import shipped_content

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"wbr", "meta", "link", "input", "br"}


class Page(HTMLParser):
    """Tags, ids, links and text of a page; complains of tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.goes_on = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.goes_on = tag == "wbr"  # a place where a word may break is within the word
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"title", "style", "script"}:
            if self.goes_on and self.words:
                self.words[-1] += data
            else:
                self.words.append(data)
        self.goes_on = False

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: json.loads(judgement_bytes(judge(write(folder / name)))) for name, write in runs.RUNS.items()}


@pytest.fixture(scope="module")
def pages(records: dict[str, dict[str, Any]]) -> dict[str, Page]:
    return {name: Page(render(record)) for name, record in records.items()}


@pytest.mark.parametrize("name", runs.RUNS)
def test_every_tag_is_closed_and_every_id_is_there_once(name: str, pages: dict[str, Page]) -> None:
    page = pages[name]
    ids = page.values("id")
    assert page.open == []
    assert len(ids) == len(set(ids))
    assert not [one for one in ids if re.search(r"\s", one)]


@pytest.mark.parametrize("name", runs.RUNS)
def test_links_lead_into_the_page_or_below_the_run_directory(name: str, pages: dict[str, Page]) -> None:
    page = pages[name]
    ids = set(page.values("id"))
    for target in page.values("href"):
        if target.startswith("#"):
            assert target.removeprefix("#") in ids
        else:
            assert target.startswith(("./artifacts/", "data:image/svg+xml,"))


def test_evidence_links_meet_files(tmp_path: Path) -> None:
    path = runs.write_no_go(tmp_path / "run")
    page = Page(render(json.loads(judgement_bytes(judge(path)))))
    links = [target for target in page.values("href") if target.startswith("./")]
    assert len(links) == 5
    assert all((path / target).is_file() for target in links)


def test_the_verdict_and_its_scope_come_first(pages: dict[str, Page]) -> None:
    order = [
        "GO Every gate of the suite holds.",
        "reference on docker",
        "9d3f8a61c2b7",
        "195.2 MiB; chunks 10,344 rows",
        "Policy pre-production",
        "Holds until 2026-12-01 03:12:05 UTC",
        "Exit code 0",
        "Not proven checks/resilience/cache_may_die",
        "postgres 17.7",
        "accepted by the policy: the embedded cache is not part of this release",
        "The score never decides",
        "Key figures",
    ]
    text = pages["go"].text
    assert sorted(order, key=text.index) == order


def test_a_no_go_tells_blockers_then_unknowns_then_the_rest(pages: dict[str, Page]) -> None:
    order = ["Blockers 3", "Unknown 1", "Not proven 1", "Scorecard", "Waivers 1", "Key figures", "Every finding 13"]
    text = pages["no_go"].text
    assert sorted(order, key=text.index) == order


def test_what_fails_or_is_unknown_lies_open_and_the_rest_is_folded(pages: dict[str, Page]) -> None:
    cards = [attrs for tag, attrs in pages["no_go"].tags if tag == "details" and "finding" in str(attrs["class"])]
    opened = {str(attrs["id"]) for attrs in cards if "open" in attrs}
    assert opened == {runs.RLS, runs.STEADY, runs.DRILL, runs.READY, runs.TLS}
    assert len(cards) == 13


def test_a_fault_that_is_not_healed_stands_above_the_verdict(pages: dict[str, Page]) -> None:
    text = pages["broken"].text
    assert text.index("A fault is still in the system. Run gonogo heal now.") < text.index("No gate is known to fail")


def test_a_drill_shows_its_phases_with_their_share_of_the_rto(pages: dict[str, Page]) -> None:
    text = pages["no_go"].text
    assert "Indexes 5 min 41 s, 96.5 % of the RTO" in text
    assert "RTO 5 min 53 s" in text


def _poison(value: Any) -> Any:
    """Every free text of a record made hostile; what is one of a closed set, an instant or an id stays."""
    closed = {"verdict", "outcome", "kind", "area", "severity", "matcher", "expires", "id", "unit"}
    if isinstance(value, dict):
        return {
            key: entry if key in closed or (key == "name" and "weight" in value) else _poison(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [_poison(entry) for entry in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_no_text_of_a_run_becomes_markup(records: dict[str, dict[str, Any]]) -> None:
    record = _poison(records["no_go"])
    record["blockers"] = records["no_go"]["blockers"]
    page = Page(render(record))
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 1
    assert "img" not in names
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert HOSTILE.replace('"', "") in page.text.replace('"', "")


def test_only_our_own_style_and_script_are_admitted(records: dict[str, dict[str, Any]]) -> None:
    text = render(records["go"])
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
    assert " style=" not in text


def test_nothing_points_to_another_host(records: dict[str, dict[str, Any]]) -> None:
    for record in records.values():
        addresses = set(re.findall(r"https?:[^\s\"'<)]+|(?<=[\"'(])//[^\s\"'<)]+", render(record)))
        assert addresses <= {"http%3A//www.w3.org/2000/svg"}


def test_the_script_is_small() -> None:
    assert (shipped_content() / "reports" / "templates" / "report.js").stat().st_size <= 1_200
