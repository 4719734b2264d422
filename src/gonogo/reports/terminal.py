"""The end of a run at the terminal: the verdict first, then what to do about it, then where to read on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gonogo.core.finding import AreaScore
from gonogo.core.observation import Table
from gonogo.core.outcome import Outcome, Verdict
from gonogo.judge.judgement import Judgement
from gonogo.reports import view
from gonogo.reports.reading import read_run
from gonogo.reports.view import Figure, Row, on_one_line, opening, percent, score_text, words

REPORT = "report.html"
LONGEST_LIST = 10  # more than a screen of bad news is read in the report
LONGEST_GROUP = 3  # more ids of one reason than this become a count
BAR_WIDTH = 16
LEAST_WIDTH = 20  # narrower than this, lines run over rather than become a column of letters
STYLES = {
    Verdict.GO: "bold black on green",
    Verdict.NO_GO: "bold white on red",
    Verdict.HOLD: "bold black on yellow",
    Verdict.PARTIAL: "bold black on cyan",
}
OUTCOME_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.UNKNOWN: "yellow", Outcome.SKIPPED: "dim"}
SIGNS = {"fail": "✘", "unknown": "?", "open": "○", "full": "█", "empty": "░", "arrow": "→", "dot": "·"}
PLAIN_SIGNS = {"fail": "x", "unknown": "?", "open": "-", "full": "#", "empty": ".", "arrow": "->", "dot": "-"}


def print_run(record: dict[str, Any], console: Console, path: Path, *, quiet: bool = False) -> None:
    """Print the judged run `record` (run.json) whose directory is `path`; `quiet` makes it one line.

    Raises UsageError for a record that is no run.json.
    """
    judgement = read_run(record)
    page = Page(console)
    if quiet:
        console.print(page.text((_one_line(judgement, path), "")), soft_wrap=True)
        return
    _head(page, judgement)
    _alarms(page, judgement)
    _blockers(page, judgement)
    _rows(page, "Unknown", "unknown", "yellow", view.named(judgement, judgement.unknowns))
    _rows(page, "Not proven", "open", "cyan", view.unproven(judgement))
    _waived(page, judgement)
    _scorecard(page, judgement)
    _figures(page, judgement)
    _tables(page, judgement)
    page.line()
    page.line(page.text(("Report  ", "bold"), (_report(path), "cyan")))


class Page:
    """Writes lines to a console; characters that its encoding lacks become plain ones."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.signs = PLAIN_SIGNS if console.options.ascii_only else SIGNS

    def text(self, *parts: tuple[str, str]) -> Text:
        """Styled parts as one text; nothing in them is read as markup."""
        encoding = self.console.encoding
        return Text.assemble(*((text.encode(encoding, "replace").decode(encoding), style) for text, style in parts))

    def line(self, text: Text | str = "", *, indent: int = 0) -> None:
        """One paragraph, wrapped under its indent."""
        whole = self.text((text, "")) if isinstance(text, str) else text
        width = max(LEAST_WIDTH, self.console.width - indent)
        for part in whole.wrap(self.console, width) or [Text()]:
            part.rstrip()
            self.console.print(Text(" " * indent).append_text(part), soft_wrap=True)

    def columns(self, rows: Sequence[Sequence[Text]], *, right: Sequence[int] = ()) -> None:
        """A table without lines; the columns of `right` are right-aligned. A narrow terminal loses the last ones."""
        widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
        while len(widths) > 2 and sum(widths) + 2 * len(widths) > self.console.width:
            widths.pop()
        for row in rows:
            line = Text("  ")
            for index, (cell, width) in enumerate(zip(row, widths, strict=False)):
                gap = " " * (width - cell.cell_len)
                line.append_text(Text.assemble(gap, cell, "  ") if index in right else Text.assemble(cell, gap, "  "))
            line.rstrip()
            self.console.print(line, soft_wrap=True)

    def heading(self, text: str, note: str = "") -> None:
        """An empty line and the name of what follows."""
        self.line()
        self.line(self.text((text, "bold"), (f"  {note}" if note else "", "dim")))


def _one_line(judgement: Judgement, path: Path) -> str:
    return f"{judgement.verdict}: {on_one_line(judgement.headline)} (exit code {judgement.exit_code}; {_report(path)})"


def _report(path: Path) -> str:
    """The report as people would type it from here."""
    file = path / REPORT
    return os.path.relpath(file) if file.is_absolute() and file.is_relative_to(Path.cwd()) else str(file)


def _head(page: Page, judgement: Judgement) -> None:
    dot = f" {page.signs['dot']} "
    page.line()
    _banner(page, judgement)
    page.line()
    page.line(on_one_line(judgement.headline))
    scope = [
        f"exit code {judgement.exit_code}",
        f"{judgement.stack.name} on {judgement.stack.runtime}",
        f"commit {view.short_commit(judgement.commit)}",
    ]
    scope += [size] if (size := view.data_size(judgement)) != "unknown" else []
    scope += [f"suite {judgement.suite or 'none'}", f"policy {judgement.policy or 'none'}"]
    if judgement.valid_until:
        scope.append(f"holds until {view.instant(judgement.valid_until)}")
    page.line(page.text((dot.join(scope), "dim")))
    for label, text in view.gaps(judgement):
        page.line(on_one_line(f"{label.lower()}: {text}"))


def _banner(page: Page, judgement: Judgement) -> None:
    """The verdict as a block of colour where there is colour, as a word everywhere."""
    style = STYLES[judgement.verdict]
    word = f"   {judgement.verdict}   "
    edge = page.text((" " * len(word), style))
    coloured = page.console.color_system is not None and not page.console.no_color
    if coloured:
        page.console.print(edge)
    page.console.print(page.text((word, style), (f"  {view.MEANING[judgement.verdict]}", "bold")), soft_wrap=True)
    if coloured:
        page.console.print(edge)


def _alarms(page: Page, judgement: Judgement) -> None:
    """What must not be overlooked: faults that are still there, failures of gonogo itself."""
    for text in judgement.unhealed:
        page.line(page.text((" FAULT NOT HEALED ", "bold white on red"), (f" {text}", "bold red")))
    if judgement.unhealed:
        page.line(page.text(("Run `gonogo heal` now.", "bold red")))
    for text in judgement.harness_errors:
        page.line(page.text((" GONOGO FAILED ", "bold white on red"), (f" {text}", "bold red")))
    if judgement.interrupted:
        page.line(page.text((f"interrupted: {judgement.interrupted}", "yellow")))


def _blockers(page: Page, judgement: Judgement) -> None:
    rows = view.named(judgement, judgement.blockers)
    if not rows:
        return
    page.heading(f"Blockers ({len(rows)})")
    for row in rows[:LONGEST_LIST]:
        severity = row.finding.severity.value if row.finding else ""
        page.line(page.text((f"{page.signs['fail']} {row.id}", "red"), (f"  {severity}", "dim")), indent=2)
        page.line(on_one_line(row.reason), indent=4)
        remedy = opening(row.finding.remedy) if row.finding else ""
        if remedy:
            page.line(page.text((f"{page.signs['arrow']} {remedy}", "cyan")), indent=4)
    _and_more(page, len(rows))


def _rows(page: Page, title: str, sign: str, style: str, rows: Sequence[Row]) -> None:
    """Ids with their reasons; many of one reason are counted."""
    if not rows:
        return
    page.heading(f"{title} ({len(rows)})")
    groups = view.by_reason(rows)
    for reason, group in groups[:LONGEST_LIST]:
        for name in _names(group):
            page.line(page.text((f"{page.signs[sign]} {name}", style)), indent=2)
        page.line(on_one_line(reason), indent=4)
    _and_more(page, len(groups))


def _names(group: Sequence[Row]) -> Iterable[str]:
    if len(group) <= LONGEST_GROUP:
        return [row.id for row in group]
    return [f"{len(group)} verifications, {group[0].id} the first"]


def _and_more(page: Page, count: int) -> None:
    if count > LONGEST_LIST:
        page.line(page.text((f"and {count - LONGEST_LIST} more in the report", "dim")), indent=2)


def _waived(page: Page, judgement: Judgement) -> None:
    rows = view.waived(judgement)
    if not rows:
        return
    page.heading(f"Waived ({len(rows)})", "they fail; only their gate is lifted")
    for finding in rows:
        waiver = finding.waiver
        assert waiver is not None
        page.line(page.text((f"{page.signs['fail']} {finding.id}", "yellow")), indent=2)
        text = f"until {waiver.expires}, owner {waiver.owner}, approved by {waiver.approved_by}: {waiver.reason}"
        page.line(on_one_line(text), indent=4)


def _scorecard(page: Page, judgement: Judgement) -> None:
    if not judgement.areas:
        return
    unwaived = f", {text}" if (text := view.without_waivers(judgement)) else ""
    note = f"{score_text(judgement.score)} of 100{unwaived}; coverage {percent(judgement.coverage)}; it never decides"
    page.heading("Scorecard", note)
    page.columns([_area(page, area) for area in judgement.areas], right=(2, 3))


def _area(page: Page, area: AreaScore) -> list[Text]:
    style = _area_style(area)
    return [
        page.text((words(area.name.value), "")),
        _bar(page, area.score, style),
        page.text((page.signs["open"] if area.score is None else score_text(area.score), style)),
        page.text((f"covered {covered}" if (covered := view.coverage_text(area)) else "", "dim")),
        page.text((view.tally(area), style)),
    ]


def _area_style(area: AreaScore) -> str:
    if area.failed > area.waived:
        return "red"
    return "yellow" if area.failed or area.unknown else "green" if area.passed else "dim"


def _bar(page: Page, score: float | None, style: str) -> Text:
    full = int(BAR_WIDTH * (score or 0) / 100 + 1e-9)
    return page.text((page.signs["full"] * full, style), (page.signs["empty"] * (BAR_WIDTH - full), "dim"))


def _figures(page: Page, judgement: Judgement) -> None:
    found = view.key_figures(judgement)
    if not found:
        return
    page.heading("Key figures", "the worst of all drills, scenarios and load profiles")
    page.columns([_figure(page, figure) for figure in found])


def _figure(page: Page, figure: Figure) -> list[Text]:
    outcome = figure.outcome
    return [
        page.text((figure.label, "")),
        page.text((figure.value, "bold")),
        page.text((outcome.value, OUTCOME_STYLES[outcome])) if outcome else Text(),
        page.text((figure.limit, "dim")),
        page.text((figure.finding.id, "dim")),
    ]


def _tables(page: Page, judgement: Judgement) -> None:
    """What was measured side by side, and what follows from it."""
    for finding, table in view.tables(judgement):
        page.heading(table.title, finding.id)
        for line in _side_by_side(page, table):
            page.line(line, indent=2)
        for remark in table.remarks:
            page.line(page.text((f"{page.signs['dot']} {on_one_line(remark)}", "dim")), indent=2)
        if table.note:
            page.line(page.text((f"{page.signs['arrow']} {on_one_line(table.note)}", "cyan")), indent=2)


def _side_by_side(page: Page, table: Table) -> list[Text]:
    """The rows as columns; where the terminal is too narrow for those, each cell on a line with its head."""
    lines = [table.columns, *table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    if sum(widths) + 2 * len(widths) > page.console.width:
        return [
            page.text((f"{head}: {cell}", ""))
            for row in table.rows
            for head, cell in zip(table.columns, row, strict=True)
        ]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in lines]
    return [page.text((text, "" if number else "dim")) for number, text in enumerate(texts)]
