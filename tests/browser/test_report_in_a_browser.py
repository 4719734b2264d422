"""report.html in a real browser: on a desk and on a phone, by day and by night, with scripts and without, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page
from tests.golden import runs

SIZES = {"desk": (1280, 900), "phone": (400, 850)}
VERDICTS = {"go": "GO", "no_go": "NO-GO", "hold": "HOLD", "broken": "HOLD"}
LEAST_CONTRAST = 4.5  # WCAG AA for text
Scheme = Literal["light", "dark"]

CONTRAST = """() => {
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] === 1) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.getClientRects().length || e.closest("svg, script, style")) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < LIMIT) bad.push(`${ratio.toFixed(2)} ${e.className || e.tagName}: ${node.data.trim().slice(0, 40)}`);
  }
  return bad;
}""".replace("LIMIT", str(LEAST_CONTRAST))


GROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
DESCRIPTIONS = "[...document.querySelectorAll('svg[role=img]')].map((one) => one.querySelector('desc').textContent)"


@contextmanager
def opened(
    browser: Browser, report: Path, *, size: str = "desk", scheme: Scheme = "light", scripts: bool = True
) -> Iterator[tuple[Page, list[str]]]:
    """The report in a page, and everything the browser complained of or asked the network for."""
    width, height = SIZES[size]
    trouble: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts
    )
    page = context.new_page()
    page.on("console", lambda message: trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("request", lambda request: trouble.append(request.url))
    try:
        page.goto(report.as_uri())
        yield page, [one for one in trouble if not one.startswith(("data:", report.as_uri()))]
    finally:
        context.close()


@pytest.mark.parametrize("name", runs.RUNS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_quietly_and_fits(
    name: str, size: str, scheme: Scheme, browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports[name], size=size, scheme=scheme) as (page, trouble):
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert trouble == []
        assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
        assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", runs.RUNS)
@pytest.mark.parametrize("size", SIZES)
def test_the_verdict_stands_on_the_first_screen(
    name: str, size: str, browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports[name], size=size) as (page, _):
        heading = page.get_by_role("heading", level=1)
        box = heading.bounding_box()
        assert heading.inner_text().strip() == VERDICTS[name]
        assert box is not None
        assert box["y"] + box["height"] < SIZES[size][1] / 2
        assert box["height"] > 40


def test_dark_is_dark_and_light_is_light(browser: Browser, reports: dict[str, Path]) -> None:
    grounds: dict[str, Any] = {}
    for scheme in ("light", "dark"):
        with opened(browser, reports["go"], scheme=scheme) as (page, _):
            grounds[scheme] = page.evaluate(
                "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
            )
    assert min(grounds["light"]) > 200
    assert max(grounds["dark"]) < 50


def test_without_scripts_everything_is_still_there(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["no_go"], scripts=False) as (page, trouble):
        assert trouble == []
        assert page.get_by_role("searchbox").is_hidden()
        assert page.locator(f'[id="{runs.RLS}"]').get_by_text("ENABLE ROW LEVEL SECURITY").is_visible()
        folded = page.locator(f'[id="{runs.INDEX}"]')
        folded.locator("summary").first.click()
        assert folded.get_by_text("rows_examined_fraction".replace("_", " ").capitalize()).first.is_visible()


def test_search_leaves_what_matches(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["no_go"]) as (page, _):
        page.get_by_role("searchbox").fill("row level security")
        assert page.locator("details.finding:visible").count() == 1
        assert page.locator("#found").inner_text() == "1 of 13"
        page.get_by_role("searchbox").fill("")
        assert page.locator("#found").inner_text() == ""
        assert page.locator("details.finding").first.is_visible()


def test_a_link_unfolds_what_it_leads_to(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["no_go"]) as (page, _):
        card = page.locator(f'[id="{runs.FAILOVER}"]')
        assert card.get_attribute("open") is None
        page.locator("article").get_by_role("link", name="The primary dies").click()
        page.wait_for_function("(id) => document.getElementById(id).open", arg=runs.FAILOVER)
        skipped = page.locator(f'[id="{runs.CACHE}"]')
        page.locator("section", has=page.locator("#not-proven")).get_by_role("link").first.click()
        page.wait_for_function("(id) => document.getElementById(id).checkVisibility()", arg=runs.CACHE)
        skipped.get_by_text("unsupported: the stack has no cache").wait_for(state="visible")


def test_a_chart_is_named_for_those_who_cannot_see_it(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["no_go"]) as (page, _):
        timeline = page.get_by_role("img", name="Timeline of A pg_dump backup brings the service back")
        assert timeline.count() == 1
        told = page.evaluate(DESCRIPTIONS)
        assert len(told) == 5
        assert all(told)


def test_the_outline_has_no_gaps(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["no_go"]) as (page, _):
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_paper_has_a_line_of_every_finding_and_all_of_what_did_not_pass(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["no_go"]) as (page, _):
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert all(one.is_visible() for one in page.locator("details.finding > summary").all())
        assert all(one.is_visible() for one in page.locator("details.finding.FAIL > .body").all())
        assert not any(one.is_visible() for one in page.locator("details.finding.PASS > .body").all())
        assert page.get_by_text("is one line on paper").is_visible()
        assert page.get_by_role("searchbox").is_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details.more[open]").count() == 0
