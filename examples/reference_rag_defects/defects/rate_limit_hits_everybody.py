"""The rate limit counts all keys together: one busy client gets everybody refused."""


def apply() -> None:
    """Refuse every key for some seconds after one was refused."""
    import time

    from reference_rag import ratelimit

    original = ratelimit.RateLimiter.take
    refused_until = [0.0]

    def take(self: ratelimit.RateLimiter, key_id: str, tenant: str) -> int:
        if time.monotonic() < refused_until[0]:
            return 1
        if wait := original(self, key_id, tenant):
            refused_until[0] = time.monotonic() + 5
        return wait

    ratelimit.RateLimiter.take = take  # type: ignore[method-assign]  # the defect
