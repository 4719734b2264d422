"""What drills say is lost, and when service was back, against psql and the servers' own logs."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._disasters import DISTANCE, EXECUTED, READY, Case, drilled, logged, primary_lost, restarted, running
from benchmarks._result import Claim, Options, Result, Table

SEED = 20_261_201
TOLERANCE_SECONDS = 0.010
TOLERANCE_SHARE = 0.01  # of the RTO, where that is more
OVERLAP_SECONDS = 0.010  # two writers' acknowledgements of the same instant
DELAYS_MS = (20, 200)
READY_ENDS = {  # the phase that ends when the server takes writes
    "pg_basebackup": "WAL replay",
    "pitr, to the end": "WAL replay",
    "pitr, to a moment": "WAL replay",
    "pitr, .partial not renamed": "WAL replay",
    "standby_promoted": "promote",
    "standby_promoted, delayed": "promote",
}
DRILLS: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("pg_dump_custom", "pg_dump", {}),
    ("pg_dump_plain", "pg_dump_plain", {}),
    ("pg_basebackup", "pg_basebackup", {}),
    ("pitr", "pitr, to a moment", {}),
    ("pitr", "pitr, to the end", {"to_the_end": True}),
    ("pitr", "pitr, .partial not renamed", {"to_the_end": True, "without_partial": True}),
    ("standby_promoted", "standby_promoted", {}),
)
CLOCKS = """\
Rows lost: every acknowledged number in the writers' own log, against what `psql` copies out of the restored server.
A second writer, with a connection, a table and random intervals of its own, has to see the same last moment. Instants
come from the restored server's log and from its application's, to the millisecond; the start of an interval, the
disaster, is gonogo's own mark. In a drill the source is only treated as lost; `primary killed` and `restart in place`
really kill it."""


def measure(options: Options) -> Result:
    """Random disasters: `runs` of every strategy."""
    runs = options.count(small=3, full=30)
    cases = list(_cases(runs, random.Random(SEED)))
    return Result(
        claims=[*_of_loss(cases), *_of_the_witness(cases), *_of_delays(cases), *_of_time(cases)],
        tables=[_losses(cases), _times(cases)],
        notes=[CLOCKS],
        not_measured=[
            "power cuts: SIGKILL leaves the page cache, and what is in a socket is still delivered",
            "the right answer itself: that gonogo's first answer was the right one is the application's word",
        ],
    )


def _cases(runs: int, dice: random.Random) -> Iterator[Case]:
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's user must get through
        for number in range(runs):
            with running(folder / f"run-{number}", dice) as stack:
                for drill, strategy, how in dice.sample(DRILLS, len(DRILLS)):
                    yield _told(drilled(stack, drill, strategy, **how))
                yield _told(restarted(stack, "restart in place, synchronous_commit=off"))
            delay = dice.randint(*DELAYS_MS)
            standby = {"synchronous": False, "through_proxy": {"delay": f"{delay}ms"}}
            with running(folder / f"delayed-{number}", dice, **{"services.db.standbys.replica": standby}) as stack:
                for case in (
                    drilled(stack, "standby_promoted", "standby_promoted, delayed"),
                    primary_lost(stack, "primary killed, delayed standby"),
                ):
                    yield _told(replace(case, setting=f"{delay} ms", delay_seconds=delay / 1000))


def _told(case: Case) -> Case:
    lost, truth = case.measured.get("acknowledged_rows_lost"), _truth(case)
    print(f"  {case.strategy}: lost {lost}, true {truth.lost}; rpo {case.measured.get('rpo')}, true {truth.rpo:.6f}")
    return case


# --- what was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Counted anew from the writers' log and the rows that psql saw. Instants are monotonic seconds."""

    owed: int
    lost: int
    holes: int
    rpo: float
    newest_kept: float | None
    oldest_lost: float | None


def _truth(case: Case) -> Truth:
    owed = {one.key: one.ended_at for one in case.entries if one.acknowledged_at and one.ended_at <= case.until}
    lost = {key: at for key, at in owed.items() if key not in case.seen.rows}
    kept = [at for key, at in owed.items() if key in case.seen.rows]
    last = {stream: max(number for one, number in case.seen.rows if one == stream) for stream, _ in case.seen.rows}
    newest = max(kept, default=None)
    began = min(one.sent_at for one in case.entries)
    return Truth(
        owed=len(owed),
        lost=len(lost),
        holes=sum(number < last.get(stream, -1) for stream, number in lost),
        rpo=case.until - (began if newest is None else newest) if lost else 0.0,
        newest_kept=newest,
        oldest_lost=min(lost.values(), default=None),
    )


def _overlap(case: Case) -> float:
    """By how many seconds one writer lost what was acknowledged before what the other one kept; negative: by none."""
    mine = _truth(case)
    owed = [(number, at) for number, at in case.witness if at <= case.until]
    kept = max((at for number, at in owed if number in case.seen.witnessed), default=0.0)
    lost = min((at for number, at in owed if number not in case.seen.witnessed), default=case.until)
    oldest = case.until if mine.oldest_lost is None else mine.oldest_lost
    return max(kept, mine.newest_kept or 0.0) - min(lost, oldest)


def _of_the_witness(cases: Sequence[Case]) -> Iterator[Claim]:
    """Of time: an answer may have waited for its thread on a busy host."""
    overlaps = [_overlap(one) for one in cases]
    holds = [one <= OVERLAP_SECONDS for one in overlaps]
    yield Claim(
        text=f"A second writer lost what came after the same moment, within {OVERLAP_SECONDS * 1000:.0f} ms",
        measured=f"{sum(holds)} of {len(holds)}, {max([0.0, *overlaps]) * 1000:.1f} ms apart at most",
        holds=all(holds),
        of_time=True,
    )


def _of_loss(cases: Sequence[Case]) -> Iterator[Claim]:
    truths = [(one, _truth(one)) for one in cases]
    for text, holds in (
        (
            "The number of lost rows is that of the writers' log and psql",
            [one.measured.get("acknowledged_rows_lost") == truth.lost for one, truth in truths],
        ),
        (
            "The RPO in seconds is that of the newest row that psql finds",
            [_close(one.measured.get("rpo"), truth.rpo) for one, truth in truths],
        ),
        ("Holes are those that psql finds", [one.measured.get("holes") == truth.holes for one, truth in truths]),
        (
            "Disasters that lose rows are among them: a dump, a delayed standby, segments that were not renamed",
            [
                any(truth.lost for one, truth in truths if one.strategy == name)
                for name in ("pg_dump", "primary killed, delayed standby", "pitr, .partial not renamed")
            ],
        ),
    ):
        yield Claim(text=text, measured=f"{sum(holds)} of {len(holds)}", holds=all(holds))


def _of_delays(cases: Sequence[Case]) -> Iterator[Claim]:
    """What was under way when the primary died arrives at nobody: not at the copy of a drill either."""
    delayed = [one for one in cases if one.delay_seconds]
    early = [one.until - kept - one.delay_seconds for one in delayed if (kept := _newest_kept(one))]
    holds = [seconds >= -TOLERANCE_SECONDS for seconds in early]
    yield Claim(
        text="Of what a network with a delay had under way nothing arrives, in drills as where the primary is killed",
        measured=f"{sum(holds)} of {len(holds)}, the newest row as old as the delay {_signed(early)} ms",
        holds=all(holds) if holds else None,
        of_time=True,
    )


def _newest_kept(case: Case) -> float:
    """The last acknowledgement of either writer that survived."""
    witnessed = [at for number, at in case.witness if at <= case.until and number in case.seen.witnessed]
    return max([_truth(case).newest_kept or 0.0, *witnessed])


def _signed(seconds: Sequence[float]) -> str:
    """The range, in milliseconds.

    >>> _signed([0.0123, -0.0004])
    '-0.4 to +12.3'
    """
    return f"{min(seconds) * 1000:+.1f} to {max(seconds) * 1000:+.1f}" if seconds else "-"


def _close(measured: Any, truth: float) -> bool:
    return isinstance(measured, float | int) and abs(measured - truth) < 1e-6


def _losses(cases: Sequence[Case]) -> Table:
    rows = []
    for strategy, those in _by_strategy(cases).items():
        truths = [_truth(one) for one in those]
        equal = sum(
            one.measured.get("acknowledged_rows_lost") == truth.lost for one, truth in zip(those, truths, strict=True)
        )
        seconds = [truth.rpo for truth in truths]
        lost = [truth.lost for truth in truths]
        rows.append([
            strategy, len(those), f"{equal} of {len(those)}", sum(truth.owed for truth in truths),
            f"{min(lost)}-{max(lost)}", f"{min(seconds):.3f}-{max(seconds):.3f}",
            ", ".join(dict.fromkeys(one.setting for one in those if one.setting)) or "-",
        ])  # fmt: skip
    columns = ("strategy", "disasters", "lost rows equal", "acknowledged rows", "lost rows", "true RPO s", "setting")
    return Table(title="What was lost", columns=columns, rows=rows)


def _by_strategy(cases: Sequence[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for one in cases:
        found[one.strategy].append(one)
    return dict(sorted(found.items()))


# --- when it was back

Difference = Callable[[Case], float | None]


def _instant(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def _answers(case: Case) -> tuple[float, float] | None:
    """The instants of the first answered search, and of the first one after the first acknowledged write."""
    good = [line for line in case.seen.requests if line["status"] < 300]
    searches = [_instant(line) for line in good if line["route"] == "/search"]
    writes = [_instant(line) for line in good if (line["method"], line["route"]) == ("POST", "/documents")]
    after = [one for one in searches if writes and one >= writes[0]]
    return (searches[0], after[0]) if after else None


def _off_rto(case: Case) -> float | None:
    answers, rto = _answers(case), case.measured.get("rto")
    return None if answers is None or rto is None else case.began + rto - answers[1]


def _off_degraded(case: Case) -> float | None:
    answers, rto = _answers(case), case.measured.get("rto_degraded")
    return None if answers is None or rto is None else case.began + rto - answers[0]


def _off_statement(case: Case) -> float | None:
    """From the first search that the restored server logged until what gonogo takes for the first right answer."""
    rto = case.measured.get("rto_degraded")
    searches = logged(case.seen.log, DISTANCE, EXECUTED, after=case.began)
    return None if rto is None or not searches else case.began + rto - searches[0]


def _off_ready(case: Case) -> float | None:
    """From the server's own word that it takes writes until the phase ends that was to end with it."""
    phase = READY_ENDS.get(case.strategy)
    ready = logged(case.seen.log, READY, after=case.began)
    return case.phase_ends[phase] - ready[-1] if phase in case.phase_ends and ready else None


TIMED: tuple[tuple[str, Difference], ...] = (
    ("rto, by the application's log", _off_rto),
    ("rto_degraded, by the application's log", _off_degraded),
    ("rto_degraded, by the first search in the server's log", _off_statement),
    ("the phase in which the server becomes ready, by the server's log", _off_ready),
)


def _allowed(case: Case) -> float:
    return max(TOLERANCE_SECONDS, TOLERANCE_SHARE * float(case.measured.get("rto") or 0.0))


def _of_time(cases: Sequence[Case]) -> Iterator[Claim]:
    for what, difference in TIMED:
        offs = [(case, off) for case in cases if (off := difference(case)) is not None]
        within = [abs(off) <= _allowed(case) for case, off in offs]
        worst = max((off for _, off in offs), key=abs, default=0.0)
        yield Claim(
            text=f"{what}, ends within {TOLERANCE_SECONDS * 1000:.0f} ms or {TOLERANCE_SHARE:.0%} of the RTO",
            measured=f"{sum(within)} of {len(within)}, {worst * 1000:.1f} ms off at most",
            holds=all(within) if within else None,
            of_time=True,
        )


def _times(cases: Sequence[Case]) -> Table:
    rows = []
    for strategy, those in _by_strategy(cases).items():
        found = [float(one.measured["rto"]) for one in those if one.measured.get("rto")]
        if not found:
            continue
        offs = [[off for one in those if (off := difference(one)) is not None] for _, difference in TIMED]
        cells = [
            f"{median(one) * 1000:.1f} [{min(one) * 1000:.1f} to {max(one) * 1000:.1f}]" if one else "-" for one in offs
        ]
        rows.append([strategy, len(found), f"{median(found):.2f}", *cells])
    columns = (
        "strategy", "drills", "rto s", "rto ms off", "rto_degraded ms off", "first statement ms off", "ready ms off",
    )  # fmt: skip
    return Table(
        title="When it was back: gonogo's instant minus the log's, median and range", columns=columns, rows=rows
    )
