"""What every report says in the same words: scope, rows of a table, key figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gonogo.core.finding import AreaScore, ExpectationResult, Finding
from gonogo.core.observation import Observation, Table
from gonogo.core.outcome import Kind, Outcome, Verdict
from gonogo.core.quantity import format_bytes, format_seconds, format_value
from gonogo.judge.judgement import Judgement

MEANING = {
    Verdict.GO: "Every gate of the suite holds.",
    Verdict.NO_GO: "At least one gate fails.",
    Verdict.HOLD: "No gate is known to fail, but something that gates was not proven.",
    Verdict.PARTIAL: "What was selected holds. It is only a part of the suite, so this is no GO.",
}
SCORE_NEVER_DECIDES = (
    "The score never decides: the verdict is the conjunction of the gates. "
    "Coverage says how much of the weight was measured at all."
)
FIGURE_RANK = {Outcome.FAIL: 3, Outcome.UNKNOWN: 2, Outcome.PASS: 1}  # what has a limit says more than what has none
LONGEST_OPENING = 240
AS_OF_SLACK = timedelta(minutes=5)  # a judgement this soon after the run needs no instant of its own
EXERCISES = (Kind.DRILL, Kind.CHAOS, Kind.LOAD)
KEY_FIGURES = {  # what an operator asks first, in this order
    "rto": "RTO",
    "rto_degraded": "RTO, degraded",
    "restore_time": "Restore time",
    "rpo": "RPO, ledger",
    "exposed_rpo": "RPO, exposed",
    "write_outage": "Write outage",
    "acknowledged_rows_lost": "Acknowledged rows lost",
    "p50": "Latency p50",
    "p95": "Latency p95",
    "p99": "Latency p99",
    "throughput": "Throughput",
    "error_rate": "Error rate",
    "recall_at_10": "Recall at 10",
}
GLOSSES = {  # what a stranger asks of them; the longer answer is docs/guide/reading-the-report.md
    "rto": "from the disaster to full service",
    "rto_degraded": "from the disaster to the first correct answer",
    "restore_time": "no disaster, the restore alone",
    "rpo": "by acknowledged writes that were lost",
    "exposed_rpo": "what the next disaster may cost, by the declared schedule",
    "write_outage": "longest time without an acknowledged write",
}
WORDS = {"api": "API", "rto": "RTO", "rpo": "RPO", "llm": "LLM", "tls": "TLS", "sql": "SQL", "id": "ID", "ids": "IDs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An id that the verdict names; `finding` is None where nothing of that id was planned."""

    id: str
    reason: str
    finding: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number worth a tile: its value, the limit it was held against, and whose it is."""

    name: str
    label: str
    value: str
    limit: str
    n: int | None
    outcome: Outcome | None  # None: nothing was expected of it
    finding: Finding
    badness: tuple[int, float]  # larger is worse


def words(name: str) -> str:
    """A name of the code as people write it.

    >>> [words(name) for name in ("vector_index", "api", "p95")]
    ['Vector index', 'API', 'P95']
    """
    parts = [WORDS.get(part, part) for part in name.split("_")]
    return " ".join([parts[0][:1].upper() + parts[0][1:], *parts[1:]])


def figure_label(name: str) -> str:
    """What an operator calls a figure.

    >>> figure_label("p95"), figure_label("search_rate")
    ('Latency p95', 'Search rate')
    """
    return KEY_FIGURES.get(name, words(name))


def gloss(name: str) -> str:
    """A key figure in words; empty where its label says it all."""
    return GLOSSES.get(name, "")


def short_commit(commit: str | None) -> str:
    """As much of a commit as people compare."""
    return (commit or "unknown")[:12]


def instant(text: str | None) -> str:
    """An ISO instant for people, in UTC.

    >>> instant("2026-11-24T17:46:41.123+01:00")
    '2026-11-24 16:46:41 UTC'
    """
    if text is None:
        return "unknown"
    moment = _moment(text)
    return text if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _moment(text: str) -> datetime | None:
    """An ISO instant in UTC; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def percent(share: float) -> str:
    """A share as whole percent; only all of it is 100 %.

    >>> percent(0.999), percent(1.0), percent(0.001)
    ('99 %', '100 %', '0 %')
    """
    return f"{int(share * 100 + 1e-9)} %"


def score_text(score: float | None) -> str:
    """A score of 0-100, rounded down to one digit; None was not measured.

    >>> score_text(99.97), score_text(None)
    ('99.9', 'not measured')
    """
    return "not measured" if score is None else f"{int(score * 10 + 1e-9) / 10:g}"


def data_size(judgement: Judgement) -> str:
    """How much data the verdict is about: `195.2 MiB; chunks 10,344 rows`."""
    size = judgement.stack.data_size
    parts = [format_bytes(size["bytes"])] if isinstance(size.get("bytes"), (int, float)) else []
    rows = size.get("rows")
    if isinstance(rows, dict) and rows:
        parts.append(", ".join(f"{table} {count:,} rows" for table, count in rows.items() if isinstance(count, int)))
    return "; ".join(parts) or "unknown"


def gaps(judgement: Judgement) -> list[tuple[str, str]]:
    """What of the stack was not there or could not be found out, as label and text; nothing where that is nothing."""
    found = (("Without", ", ".join(judgement.stack.left_out)), ("Not found out", "; ".join(judgement.stack.problems)))
    return [(label, text) for label, text in found if text]


def scope(judgement: Judgement) -> list[tuple[str, str]]:
    """What the verdict is about, as label and text."""
    commit, until = judgement.commit, judgement.valid_until
    rows = [
        ("Stack", f"{judgement.stack.name} on {judgement.stack.runtime}"),
        ("Commit", short_commit(commit)),
        ("Data", data_size(judgement)),
        *gaps(judgement),
        ("Suite", judgement.suite or "none"),
        ("Policy", judgement.policy or "none"),
        ("Started", instant(judgement.started_at)),
        ("Took", "unknown" if judgement.wall_s is None else format_seconds(judgement.wall_s)),
    ]
    if _judged_later(judgement):
        rows.append(("Judged as of", instant(judgement.judged_as_of)))
    return [*rows, ("Holds until", instant(until))] if until else rows


def _judged_later(judgement: Judgement) -> bool:
    """Whether the judging instant lies outside the run, as with `gonogo judge --as-of`."""
    start, as_of = _moment(judgement.started_at), _moment(judgement.judged_as_of)
    if start is None or as_of is None:
        return True
    return not start - AS_OF_SLACK <= as_of <= start + timedelta(seconds=judgement.wall_s or 0) + AS_OF_SLACK


def named(judgement: Judgement, ids: Iterable[str]) -> list[Row]:
    """The findings of `ids`, in order, each with its reason."""
    by_id = {finding.id: finding for finding in judgement.findings}
    return [Row(id=one, reason=by_id[one].reason if one in by_id else "", finding=by_id.get(one)) for one in ids]


def unproven(judgement: Judgement) -> list[Row]:
    """What the verdict does not cover: accepted, unsupported, dropped, absent."""
    by_id = {finding.id: finding for finding in judgement.findings}
    return [Row(id=one.id, reason=one.reason, finding=by_id.get(one.id)) for one in judgement.not_proven]


def by_reason(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Rows of one reason together, so that forty things left out for one reason are one line."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.reason, []).append(row)
    return list(groups.items())


def waived(judgement: Judgement) -> list[Finding]:
    """Failures whose gate a waiver lifts."""
    return [finding for finding in judgement.findings if finding.waiver is not None]


def counts(judgement: Judgement) -> dict[Outcome, int]:
    """How many findings have each outcome."""
    found = Counter(finding.outcome for finding in judgement.findings)
    return {outcome: found[outcome] for outcome in Outcome}


def tally(area: AreaScore) -> str:
    """The outcomes of an area in words: `3 passed, 1 unknown`."""
    counts = (("passed", area.passed), ("failed", area.failed), ("unknown", area.unknown), ("skipped", area.skipped))
    parts = [f"{count} {name}" for name, count in counts if count]
    if area.waived:
        parts.append(f"{area.waived} waived")
    return ", ".join(parts) or "nothing to measure"


def coverage_text(area: AreaScore) -> str:
    """How much of an area was measured; empty where there was nothing to measure, so that 0 % is always a lack."""
    measurable = area.passed or area.failed or area.unknown or area.skipped
    return percent(area.coverage) if measurable else ""


def without_waivers(judgement: Judgement) -> str:
    """The score as if nothing were waived; empty where nothing is."""
    return f"{score_text(judgement.score_without_waivers)} without waivers" if waived(judgement) else ""


def figures(finding: Finding) -> list[Figure]:
    """The numbers of one load profile, scenario or drill, those with a limit first; of each name the worst."""
    limits = {result.observation: result for result in finding.expectations}
    made = [_figure(finding, one, limits.get(one.name)) for one in finding.observations if _is_number(one)]
    order = list(KEY_FIGURES)
    return sorted(
        _worst(made).values(),
        key=lambda one: (one.outcome is None, order.index(one.name) if one.name in order else len(order)),
    )


def tables(judgement: Judgement) -> list[tuple[Finding, Table]]:
    """What findings measured side by side."""
    return [(finding, table) for finding in judgement.findings for table in finding.tables]


def key_figures(judgement: Judgement) -> list[Figure]:
    """The worst of each key figure over all drills, scenarios and load profiles."""
    exercises = [finding for finding in judgement.findings if finding.kind in EXERCISES]
    worst = _worst(figure for finding in exercises for figure in figures(finding))
    return [worst[name] for name in KEY_FIGURES if name in worst]


def _worst(made: Iterable[Figure]) -> dict[str, Figure]:
    worst: dict[str, Figure] = {}
    for figure in made:
        if figure.name not in worst or figure.badness > worst[figure.name].badness:
            worst[figure.name] = figure
    return worst


def value_text(one: Observation) -> str:
    """An observed value for people; a lower bound says that it is one."""
    return ("at least " if one.lower_bound else "") + format_value(one.value, one.unit)


def _figure(finding: Finding, one: Observation, limit: ExpectationResult | None) -> Figure:
    assert isinstance(one.value, (int, float))
    good_when_large = limit.matcher == "at_least" if limit else one.name in {"throughput", "recall_at_10"}
    rank = FIGURE_RANK.get(limit.outcome, 0) if limit else 0
    return Figure(
        name=one.name,
        label=figure_label(one.name),
        value=value_text(one),
        limit=limit.expected if limit else "",
        n=one.n,
        outcome=limit.outcome if limit else None,
        finding=finding,
        badness=(rank, -one.value if good_when_large else one.value),
    )


def _is_number(one: Observation) -> bool:
    return isinstance(one.value, (int, float)) and not isinstance(one.value, bool)


def opening(text: str) -> str:
    """The first statement or sentence on one line: a line that ends neither is carried on by the next.

    >>> opening("\\nCREATE INDEX i;\\nand so on"), opening("Ask a question\\nby hand. Then\\nlook.")
    ('CREATE INDEX i;', 'Ask a question by hand. Then look.')
    """
    lines: list[str] = []
    for line in text.strip().splitlines():
        lines.append(line.strip())
        if not line.strip() or line.rstrip().endswith((".", ";", ":")):
            break
    whole = " ".join(lines).strip()
    return whole if len(whole) <= LONGEST_OPENING else f"{whole[:LONGEST_OPENING].rsplit(' ', 1)[0]} …"


def on_one_line(text: str) -> str:
    """All white space made single spaces."""
    return re.sub(r"\s+", " ", text).strip()
