"""There is no rate limit: a key may ask as often as it likes."""


def apply() -> None:
    """Grant every request."""
    from reference_rag import ratelimit

    def take(self: ratelimit.RateLimiter, key_id: str, tenant: str) -> int:
        return 0

    ratelimit.RateLimiter.take = take  # type: ignore[method-assign]  # the defect
