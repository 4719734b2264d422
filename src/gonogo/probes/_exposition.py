"""A scrape of Prometheus metrics: what the text says, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

SELECTOR = re.compile(r"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>[^}]*)\})?$")
LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"([^"]*)"\s*(?:,|$)')
GROWING = ("_total", "_count", "_sum", "_bucket")
Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A sample name and the labels that must match; other labels are summed over."""

    name: str
    labels: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read `name{label="value"}`. Raises ValueError.

        >>> Selector.parse('rag_requests_total{status="200"}').labels
        {'status': '200'}
        """
        match = SELECTOR.match(text)
        labels = LABEL.findall(match["labels"] or "") if match else []
        if match is None or LABEL.sub("", match["labels"] or "").strip():
            raise ValueError(f'{text!r} is not of the form name or name{{label="value"}}')
        return cls(name=match["name"], labels=dict(labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """Samples by name and labels, family names, and the errors of the text."""

    samples: Mapping[Key, float] = field(default_factory=dict)
    families: frozenset[str] = frozenset()
    errors: tuple[str, ...] = ()

    def value(self, selector: Selector) -> float | None:
        """The sum of the samples that match; None when there are none."""
        wanted = set(selector.labels.items())
        found = [value for (name, labels), value in self.samples.items() if name == selector.name and wanted <= labels]
        return sum(found) if found else None

    def has(self, name: str) -> bool:
        """Whether a family or sample has this name, with or without a counter's `_total`."""
        return bool({name, name.removesuffix("_total"), f"{name}_total"} & self.families)

    def of(self, family: str) -> dict[Key, float]:
        """The samples of one family, without the instants of their creation."""
        stem = family.removesuffix("_total")
        names = {stem, *(stem + suffix for suffix in GROWING)}
        return {key: value for key, value in self.samples.items() if key[0] in names}


def read_exposition(text: str, content_type: str) -> Scrape:
    """Parse a scrape; OpenMetrics, strictly, where the content type says so. Never raises for what the text holds."""
    from prometheus_client import parser  # noqa: PLC0415 - 0.1 s that planning need not pay
    from prometheus_client.openmetrics import parser as strict_parser  # noqa: PLC0415

    strict = "openmetrics" in content_type
    parse = (strict_parser if strict else parser).text_string_to_metric_families
    errors = [] if strict or text.endswith("\n") else ["the last line has no end"]
    families: list[Metric] = []
    try:
        families.extend(parse(text))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        errors.append(f"{type(error).__name__}: {error}")
    samples, twice = _samples(families)
    errors.extend(f"{name} is there twice with the same labels" for name in twice)
    if not families and not errors:
        errors.append("there are no metrics")
    names = {family.name for family in families} | {name for name, _ in samples}
    return Scrape(samples=samples, families=frozenset(names), errors=tuple(errors))


def _samples(families: Iterable[Metric]) -> tuple[dict[Key, float], list[str]]:
    samples: dict[Key, float] = {}
    twice: list[str] = []
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in samples:
                twice.append(sample.name)
            samples[key] = sample.value
    return samples, twice
