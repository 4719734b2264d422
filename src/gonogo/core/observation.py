"""Observations: what probes measured. A verdict is never made here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One measured value.

    `unit` is one of "s", "B", "1" (a fraction), "1/s", "count", "" (no dimension). `n` is the number of samples or of
    things examined behind the value. `low` and `high` bound the value's interval (same unit). `load_sensitive` marks
    values that a busy host makes worse: a FAIL on such a value while others kept the host busy is UNKNOWN.
    `lower_bound` marks a value that was measured on less than the real thing, where it is at least as large: it can
    fail an upper limit and never pass one. `not_applicable` marks what has no value because this stack has nothing of
    the kind, as stack file and database agree; `detail` says what. It passes nothing, and holds nothing up either.
    """

    name: str
    value: Scalar | tuple[str, ...]
    subject: str = ""
    unit: str = ""
    n: int | None = None
    low: float | None = None
    high: float | None = None
    load_sensitive: bool = False
    lower_bound: bool = False
    not_applicable: bool = False
    evidence: str | None = None  # path below the run directory
    detail: str = ""  # one sentence for people: what was seen

    def to_json(self) -> dict[str, Any]:
        """As stored in events.ndjson."""
        record = {key: _storable(value) for key, value in asdict(self).items()}
        # By identity: 0 equals False, and "n: 0" is what makes an expectation UNKNOWN.
        return {
            key: value
            for key, value in record.items()
            if key in {"name", "value"} or not (value is None or value is False or value == "")
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Observation:
        """The reverse of `to_json`."""
        value = record["value"]
        return cls(**{**record, "value": tuple(value) if isinstance(value, list) else value})


def _storable(value: Any) -> Any:
    """JSON has no NaN and no infinity: a value that is none of the numbers is no value, hence UNKNOWN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def _listed(value: Any) -> Any:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Ways that were measured side by side, one a row; the first one is what the others are compared with.

    Cells are short texts for people, with their units: the numbers are observations. `remarks` say what there is no
    room for in a cell, `note` what follows from it all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As stored in events.ndjson."""
        return {key: _listed(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Table:
        """The reverse of `to_json`."""
        rows = tuple(tuple(row) for row in record["rows"])
        columns, remarks = tuple(record["columns"]), tuple(record.get("remarks", ()))
        return cls(title=record["title"], columns=columns, rows=rows, remarks=remarks, note=record.get("note", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A time series for plots: `points` are (seconds since the run started, value)."""

    name: str
    unit: str
    points: tuple[tuple[float, float], ...]
    subject: str = ""
    limit: float | None = None  # drawn as a threshold line

    def to_json(self) -> dict[str, Any]:
        """As stored in events.ndjson."""
        return {**asdict(self), "points": [list(point) for point in self.points]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Series:
        """The reverse of `to_json`."""
        return cls(**{**record, "points": tuple((float(x), float(y)) for x, y in record["points"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time on a timeline: a phase of a drill, a fault that is held. Seconds since the run started."""

    name: str
    start_s: float
    end_s: float
    kind: str = "phase"  # phase | fault | hold | recovery

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One instant on a timeline (seconds since the run started)."""

    name: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened when during one item."""

    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()
    series: tuple[Series, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As stored in events.ndjson."""
        return {
            "spans": [asdict(span) for span in self.spans],
            "marks": [asdict(mark) for mark in self.marks],
            "series": [series.to_json() for series in self.series],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Timeline:
        """The reverse of `to_json`."""
        return cls(
            spans=tuple(Span(**span) for span in record["spans"]),
            marks=tuple(Mark(**mark) for mark in record["marks"]),
            series=tuple(Series.from_json(series) for series in record["series"]),
        )
