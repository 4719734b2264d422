"""The metrics are those of another process: they are there and never move."""


def apply() -> None:
    """Show the first scrape for ever."""
    from reference_rag import metrics

    original = metrics.Metrics.render
    first: list[tuple[bytes, str]] = []

    def render(self: metrics.Metrics) -> tuple[bytes, str]:
        if not first:
            first.append(original(self))
        return first[0]

    metrics.Metrics.render = render  # type: ignore[method-assign]  # the defect
