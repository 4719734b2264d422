"""One broken line makes the whole scrape unreadable."""


def apply() -> None:
    """Add a line that no parser reads."""
    from reference_rag import metrics

    original = metrics.Metrics.render

    def render(self: metrics.Metrics) -> tuple[bytes, str]:
        body, content_type = original(self)
        return body + b'rag_build_info{version="1.0 3\n', content_type

    metrics.Metrics.render = render  # type: ignore[method-assign]  # the defect
