"""Secrets are registered once and masked wherever a run writes."""

from __future__ import annotations

import re
import threading
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "****"
SHORTEST_SECRET = 4  # shorter values would mask half of every text
URL_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):([^@/\s]+)@")
KEYWORD_PASSWORD = re.compile(r"(?i)\bpassword=('[^']*'|[^\s'&]+)")


class Redactor:
    """Masks registered secrets and passwords in URLs and connection strings."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._lock = threading.Lock()

    def register(self, secret: str) -> None:
        """Mask `secret` from now on, also as it stands in a URL; values under four characters are ignored."""
        if len(secret) >= SHORTEST_SECRET:
            with self._lock:
                self._secrets |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}

    def text(self, text: str) -> str:
        """`text` with every secret masked.

        >>> redactor = Redactor()
        >>> redactor.register("hunter22")
        >>> redactor.text("key hunter22 at postgresql://app:s3cret@127.0.0.1/rag password=pw1")
        'key **** at postgresql://app:****@127.0.0.1/rag password=****'
        >>> redactor.register("abc+def/ghi==")
        >>> redactor.text("GET /search?api_key=abc%2Bdef%2Fghi%3D%3D")
        'GET /search?api_key=****'
        """
        with self._lock:
            secrets = sorted(self._secrets, key=len, reverse=True)
        for secret in secrets:
            text = text.replace(secret, MASK)
        text = URL_PASSWORD.sub(rf"\1:{MASK}@", text)
        return KEYWORD_PASSWORD.sub(f"password={MASK}", text)

    def data(self, value: Any) -> Any:
        """A structure with every secret masked in its texts.

        Done before it becomes JSON: there a secret with a quote in it is spelled otherwise, and a mask in the place of
        a number or of a closing quote would spoil the document.

        >>> redactor = Redactor()
        >>> redactor.register("1000")
        >>> redactor.data({"n": 1000, "texts": ("1000 rows", "password=pw1")})
        {'n': 1000, 'texts': ['**** rows', 'password=****']}
        """
        if isinstance(value, Enum):
            return value  # one of a closed set is no secret, even where somebody's secret is spelled like it
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(entry) for entry in value]
        return value
