"""What a plan of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) says about one table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]
REMOVED = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
SORTS = frozenset({"Sort", "Incremental Sort"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """How one table was read.

    `rows_examined` counts what the scans of the table returned and what they threw away, over all loops.
    """

    indexes: tuple[str, ...]  # names of the indexes through which the table was read
    rows_examined: float
    sorted: bool
    execution_seconds: float
    buffers_hit: int
    buffers_read: int

    @property
    def buffers(self) -> int:
        """All pages that were asked for."""
        return self.buffers_hit + self.buffers_read


def summarise(document: Any, relations: Collection[str]) -> PlanSummary:
    """Summarise EXPLAIN's JSON for the table (with its partitions) of these names."""
    top = document[0]
    root: Node = top["Plan"]
    nodes = list(walk(root))
    scans = [node for node in nodes if node.get("Relation Name") in relations]
    bitmaps = [child["Index Name"] for scan in scans for child in walk(scan) if "Index Name" in child]
    return PlanSummary(
        indexes=tuple(dict.fromkeys(bitmaps)),
        rows_examined=sum(_examined(scan) for scan in scans),
        sorted=any(node["Node Type"] in SORTS for node in nodes),
        execution_seconds=float(top.get("Execution Time", 0.0)) / 1000,
        buffers_hit=int(root.get("Shared Hit Blocks", 0)),
        buffers_read=int(root.get("Shared Read Blocks", 0)),
    )


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


def _examined(scan: Node) -> float:
    per_loop = float(scan.get("Actual Rows", 0)) + sum(float(scan.get(name, 0)) for name in REMOVED)
    return per_loop * float(scan.get("Actual Loops", 1))
