"""A key that nobody has is answered as the first tenant, because an unknown key falls back to a default."""


def apply() -> None:
    """Answer unknown keys as the first key's caller."""
    from reference_rag import auth, errors

    original = auth.Authenticator.caller

    def caller(self: auth.Authenticator, key: str) -> auth.Caller:
        try:
            return original(self, key)
        except errors.NotAuthenticated:
            digest, tenant, role = self._callers[0]
            return auth.Caller(tenant=tenant, role=role, key_id=digest.hex()[:12])

    auth.Authenticator.caller = caller  # type: ignore[method-assign]  # the defect
