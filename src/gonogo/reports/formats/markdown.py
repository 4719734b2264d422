"""summary.md: what a CI job's summary shows. Kept below the size at which such a page is dropped whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gonogo.core.finding import AreaScore
from gonogo.core.outcome import Verdict
from gonogo.judge.judgement import Judgement
from gonogo.reports import Format, view
from gonogo.reports.reading import read_run
from gonogo.reports.view import Row, on_one_line, opening, percent, score_text, words

LARGEST_BYTES = 900_000  # GitHub drops a job summary of more than 1 MiB
CUT = "\n*Cut here: the summary would be too large. The rest stands in report.html.*\n"
SIGNS = {Verdict.GO: "🟢", Verdict.NO_GO: "🔴", Verdict.HOLD: "🟡", Verdict.PARTIAL: "🔵"}
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")
LONGEST_TEXT = 2_000


def render(run: dict[str, Any]) -> str:
    """The page; whatever the stack or an answer put into a text shows as text."""
    judgement = read_run(run)
    blocks = [*_head(judgement), *_alarms(judgement), *_blockers(judgement)]
    blocks += _rows("Unknown", view.named(judgement, judgement.unknowns))
    blocks += _rows("Not proven", view.unproven(judgement))
    blocks += [*_waived(judgement), *_scorecard(judgement), *_figures(judgement)]
    blocks += _tables(judgement)
    return cut("\n\n".join(blocks) + "\n")


def cut(text: str, largest_bytes: int = LARGEST_BYTES) -> str:
    """At most `largest_bytes` of UTF-8, whole lines, and a last line that says so.

    >>> cut("a\\n" * 200, 100).count("a\\n") < 100, cut("a\\n")
    (True, 'a\\n')
    """
    data = text.encode()
    if len(data) <= largest_bytes:
        return text
    kept = data[: max(0, largest_bytes - len(CUT.encode()))].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] + CUT


def plain(text: str) -> str:
    """`text` on one line, none of it read as Markdown, HTML or a mention.

    >>> plain("a <b>\\n| *c* @team")
    'a \\\\<b\\\\> \\\\| \\\\*c\\\\* \\\\@team'
    """
    short = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " …"
    return SPECIAL.sub(r"\\\1", on_one_line(short))


def code(text: str) -> str:
    """`text` as code on one line, in a table too.

    >>> code("a `b` | c")
    "`a 'b' ¦ c`"
    """
    line = on_one_line(text).replace("`", "'").replace("|", "¦")
    return f"`{line}`" if line else ""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table of finished cells."""
    rule = ["---:" if index in right else "---" for index in range(len(headers))]
    lines = [headers, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(judgement: Judgement) -> Iterator[str]:
    yield f"# {SIGNS[judgement.verdict]} {judgement.verdict}"
    yield f"**{view.MEANING[judgement.verdict]}** Exit code {judgement.exit_code}."
    yield plain(judgement.headline)
    rows = [(label, plain(value)) for label, value in view.scope(judgement)]
    rows += [(f"Version of {plain(name)}", plain(value)) for name, value in judgement.stack.versions.items()]
    rows += [(f"Image of {plain(name)}", code(value)) for name, value in judgement.stack.images.items()]
    yield table(("What it is about", ""), rows)


def _alarms(judgement: Judgement) -> Iterator[str]:
    lines = [f"**A fault is not healed:** {plain(one)}. Run `gonogo heal`." for one in judgement.unhealed]
    lines += [f"**gonogo failed:** {plain(one)}" for one in judgement.harness_errors]
    if judgement.interrupted:
        lines.append(f"**Interrupted:** {plain(judgement.interrupted)}")
    if lines:
        yield "> [!CAUTION]\n" + "\n>\n".join(f"> {line}" for line in lines)


def _blockers(judgement: Judgement) -> Iterator[str]:
    rows = view.named(judgement, judgement.blockers)
    if rows:
        yield f"## Blockers ({len(rows)})"
        yield "\n".join(_blocker(row) for row in rows)


def _blocker(row: Row) -> str:
    if row.finding is None:
        return f"- {code(row.id)}: {plain(row.reason)}"
    text = f"- {code(row.id)} ({row.finding.severity}): {plain(row.finding.title)}  \n  {plain(row.reason)}"
    remedy = opening(row.finding.remedy)
    return f"{text}  \n  Remedy: {code(remedy)}" if remedy else text


def _rows(title: str, rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    yield f"## {title} ({len(rows)})"
    lines = []
    for reason, group in view.by_reason(rows):
        names = ", ".join(code(row.id) for row in group)
        lines.append(f"- {names}: {plain(reason)}")
    yield "\n".join(lines)


def _waived(judgement: Judgement) -> Iterator[str]:
    rows = view.waived(judgement)
    if not rows:
        return
    yield f"## Waived ({len(rows)})"
    yield "They fail; only their gate is lifted."
    yield "\n".join(
        f"- {code(one.id)} until {one.waiver.expires}: {plain(one.waiver.reason)} "
        f"(owner {plain(one.waiver.owner)}, approved by {plain(one.waiver.approved_by)})"
        for one in rows
        if one.waiver is not None
    )


def _scorecard(judgement: Judgement) -> Iterator[str]:
    if not judgement.areas:
        return
    yield "## Scorecard"
    unwaived = f" ({text})" if (text := view.without_waivers(judgement)) else ""
    yield (
        f"Score **{score_text(judgement.score)}** of 100{unwaived}, coverage **{percent(judgement.coverage)}**. "
        f"{view.SCORE_NEVER_DECIDES}"
    )
    headers = ("Area", "Score", "Coverage", "Passed", "Failed", "Unknown", "Skipped", "Waived")
    yield table(headers, [_area(area) for area in judgement.areas], right=range(1, len(headers)))


def _area(area: AreaScore) -> list[str]:
    numbers = (area.passed, area.failed, area.unknown, area.skipped, area.waived)
    covered = view.coverage_text(area) or "-"
    return [words(area.name.value), score_text(area.score), covered, *(str(one) for one in numbers)]


def _figures(judgement: Judgement) -> Iterator[str]:
    rows = [
        (
            one.label,
            f"**{one.value}**",
            plain(one.limit),
            one.outcome.value if one.outcome else "",
            code(one.finding.id),
        )
        for one in view.key_figures(judgement)
    ]
    if rows:
        yield "## Key figures"
        yield table(("Figure", "Value", "Limit", "Outcome", "From"), rows)


def _tables(judgement: Judgement) -> Iterator[str]:
    for finding, one in view.tables(judgement):
        yield f"## {plain(one.title)}"
        yield table([plain(head) for head in one.columns], [[plain(cell) for cell in row] for row in one.rows])
        if one.remarks:
            yield "\n".join(f"- {plain(remark)}" for remark in one.remarks)
        yield f"{plain(one.note)} From {code(finding.id)}." if one.note else f"From {code(finding.id)}."


FORMAT = Format(filename="summary.md", render=render)
