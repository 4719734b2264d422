"""No key is accepted any more, as after a rotation that did not reach the service."""


def apply() -> None:
    """Refuse everybody."""
    from reference_rag import auth, errors

    def caller(self: auth.Authenticator, key: str) -> auth.Caller:
        raise errors.NotAuthenticated

    auth.Authenticator.caller = caller  # type: ignore[method-assign]  # the defect
