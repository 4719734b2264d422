"""Reading a scrape of metrics."""

from __future__ import annotations

import pytest

from gonogo.probes._exposition import Selector, read_exposition

PLAIN = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TEXT = """# TYPE rag_requests_total counter
rag_requests_total{route="/search",status="200"} 5
rag_requests_total{route="/search",status="404"} 2
# TYPE rag_seconds histogram
rag_seconds_bucket{le="+Inf"} 3
rag_seconds_count 3
rag_seconds_sum 0.5
"""


def test_samples_are_summed_over_the_labels_that_are_not_named() -> None:
    scrape = read_exposition(TEXT, PLAIN)
    assert scrape.errors == ()
    assert scrape.value(Selector.parse("rag_requests_total")) == 7
    assert scrape.value(Selector.parse('rag_requests_total{status="404"}')) == 2
    assert scrape.value(Selector.parse('rag_requests_total{status="500"}')) is None


def test_a_family_is_known_with_and_without_the_suffix_of_counters() -> None:
    scrape = read_exposition(TEXT, PLAIN)
    assert scrape.has("rag_requests")
    assert scrape.has("rag_requests_total")
    assert scrape.has("rag_seconds")
    assert not scrape.has("rag")


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        (TEXT + 'broken{label="x} 1\n', PLAIN),
        (TEXT.rstrip(), PLAIN),
        (TEXT + "rag_seconds_count 4\n", PLAIN),
        ("", PLAIN),
        ("<html>not found</html>\n", PLAIN),
        (TEXT, OPENMETRICS),  # which must end with # EOF
    ],
)
def test_what_a_scraper_would_refuse_is_an_error(text: str, content_type: str) -> None:
    assert read_exposition(text, content_type).errors


def test_openmetrics_is_read_strictly() -> None:
    text = "# TYPE rag_requests counter\nrag_requests_total 5.0\n# EOF\n"
    assert read_exposition(text, OPENMETRICS).errors == ()


@pytest.mark.parametrize("text", ["", "a b", "name{label=x}", 'name{label="x"', 'name{"x"}'])
def test_a_selector_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        Selector.parse(text)
