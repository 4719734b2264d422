"""What looks like a secret: it is never copied out of a file, not even into a comment."""

from __future__ import annotations

from gonogo.core.secrets import holds_secret, is_secret, looks_secret

__all__ = ["holds_secret", "is_secret", "looks_secret"]
