"""Counting a ledger: which of the numbered writes are there, judged by what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

Key = tuple[int, int]  # stream, number


class Fate(StrEnum):
    """What the writer was told about its write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # the server said ERROR: it is not there
    INDETERMINATE = "indeterminate"  # sent and not answered, or committed without its standby: nobody may rely on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One numbered write. Instants are monotonic seconds; each stream writes its numbers one after the other."""

    stream: int
    number: int
    sent_at: float
    ended_at: float
    fate: Fate
    reason: str = ""

    @property
    def key(self) -> Key:
        """Names the row."""
        return (self.stream, self.number)

    @property
    def acknowledged_at(self) -> float | None:
        """When the acknowledgement arrived; None for a write that nobody may rely on."""
        return self.ended_at if self.fate is Fate.ACKNOWLEDGED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCount:
    """What a server holds of a ledger. Numbers of rows; instants are monotonic seconds."""

    acknowledged: int
    survivors: int  # rows of the ledger that are there, acknowledged or not
    lost: int  # acknowledged and not there
    recovered: int  # not acknowledged and yet there: allowed
    unexpected: int  # there, though never sent or refused
    holes: int  # lost rows before a survivor of the same stream
    indeterminate: int
    refused: int
    started_at: float  # when the first write was sent
    newest_survivor_acknowledged_at: float | None

    def rpo_seconds(self, disaster_at: float) -> float:
        """0 when no acknowledged row is lost, else how long before the disaster the newest survivor was acknowledged.

        Where nothing survived it is the age of the whole ledger, which is a lower bound.
        """
        if not self.lost:
            return 0.0
        newest = self.newest_survivor_acknowledged_at
        return max(0.0, disaster_at - (self.started_at if newest is None else newest))


def tally(
    entries: Iterable[Entry],
    survivors: Collection[Key],
    *,
    until: float | None = None,
    disaster_at: float | None = None,
) -> LedgerCount:
    """Compare what was written with what is there.

    `until` (monotonic seconds): only what was acknowledged by then has to be there. `disaster_at`: where writers went
    on after a disaster, what they wrote later neither turns a lost tail into holes nor shortens the RPO.
    """
    known = {entry.key: entry for entry in entries}
    there = set(survivors)

    def later(entry: Entry) -> bool:
        return disaster_at is not None and entry.sent_at > disaster_at

    owed = [
        entry
        for entry in known.values()
        if entry.acknowledged_at is not None and (until is None or entry.acknowledged_at <= until)
    ]
    lost = [entry for entry in owed if entry.key not in there]
    kept = [entry.ended_at for entry in owed if entry.key in there and not later(entry)]
    uncertain = {key for key, entry in known.items() if entry.fate is Fate.INDETERMINATE}
    refused = {key for key, entry in known.items() if entry.fate is Fate.REFUSED}
    return LedgerCount(
        acknowledged=len(owed),
        survivors=len(there),
        lost=len(lost),
        recovered=len(uncertain & there),
        unexpected=len(there - known.keys()) + len(refused & there),
        holes=_holes(lost, [known[key] for key in there & known.keys()], later),
        indeterminate=len(uncertain),
        refused=len(refused),
        started_at=min((entry.sent_at for entry in known.values()), default=0.0),
        newest_survivor_acknowledged_at=max(kept, default=None),
    )


def _holes(lost: Iterable[Entry], kept: Iterable[Entry], later: Callable[[Entry], bool]) -> int:
    """Lost writes before a survivor of the same stream, on the same side of the disaster."""
    newest: dict[tuple[int, bool], int] = {}
    for entry in kept:
        place = (entry.stream, later(entry))
        newest[place] = max(entry.number, newest.get(place, entry.number))
    return sum(entry.number < newest.get((entry.stream, later(entry)), -1) for entry in lost)


def longest_silence(acknowledged: Iterable[float], *, after: float, until: float) -> tuple[float, float]:
    """The longest stretch without acknowledgement that ends after `after`, at the latest at `until`.

    Returns its two ends; the second is `until` itself when nothing was acknowledged any more.

    >>> longest_silence([1.0, 2.0, 7.0, 8.0], after=2.5, until=9.0)
    (2.0, 7.0)
    >>> longest_silence([1.0, 2.0], after=2.5, until=9.0)
    (2.0, 9.0)
    """
    instants = sorted(instant for instant in acknowledged if instant <= until)
    first = max((instant for instant in instants if instant <= after), default=after)
    ends = [first, *(instant for instant in instants if instant > after), until]
    return max(pairwise(ends), key=lambda pair: pair[1] - pair[0])
