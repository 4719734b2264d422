"""A backup that lies at a URL: downloaded into the run's own folder, and gone with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.core.quantity import format_bytes

URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
SCHEMES = ("https", "http")
SILENCE_SECONDS = 60.0
CHUNK_BYTES = 1 << 20
TOLD_EVERY_BYTES = 256 << 20
NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where it lies. `url` may hold secrets (a password, a signature); `shown` does not."""

    url: str
    shown: str
    name: str  # a file name, for people: its last part


def is_url(text: str) -> bool:
    """Whether it is a URL, of whatever scheme, and no path."""
    return URL.match(text) is not None


def remote_of(text: str) -> Remote:
    """Where a URL leads. Raises UsageError for what cannot be downloaded."""
    parts = urlsplit(text)
    if parts.scheme.lower() not in SCHEMES:
        raise UsageError(
            f"{parts.scheme}://: gonogo downloads over https:// and http://; stores of objects sign such URLs, "
            "and their own programs bring a file here"
        )
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}: {error}") from None
    if not host:
        raise UsageError(f"{parts.scheme}://: a URL names a host")
    name = re.sub(r"[^\w.+-]", "_", PurePosixPath(unquote(parts.path)).name)[-NAME_CHARACTERS:].lstrip(".")
    place = f"{host}:{port}" if port else host
    return Remote(url=text, shown=f"{parts.scheme}://{place}{parts.path}", name=name or "backup")


def download(remote: Remote, target: Path, limit_bytes: int, deadline: Deadline, tell: Callable[[str], None]) -> None:
    """Bring it here, byte by byte as it lies there. Raises NotMeasurable: nothing is known of the backup then."""
    import httpx  # noqa: PLC0415 - only who downloads pays for it

    headers = {"Accept-Encoding": "identity"}  # what is compressed stays so
    try:
        with (
            httpx.stream("GET", remote.url, headers=headers, follow_redirects=True, timeout=SILENCE_SECONDS) as answer,
            target.open("xb") as file,
        ):
            if answer.status_code != httpx.codes.OK:
                raise NotMeasurable(f"{remote.shown}: {answer.status_code} {answer.reason_phrase}")
            if remote.url.lower().startswith("https:") and answer.url.scheme != "https":
                raise NotMeasurable(f"{remote.shown} leads to {answer.url.scheme}://: nobody could tell what came")
            size = int(answer.headers.get("Content-Length", "0"))
            _require_room(remote, size, limit_bytes)
            done = 0
            for chunk in answer.iter_raw(CHUNK_BYTES):
                deadline.check("the backup is downloaded")
                done += len(chunk)
                _require_room(remote, done, limit_bytes)
                file.write(chunk)
                if done // TOLD_EVERY_BYTES > (done - len(chunk)) // TOLD_EVERY_BYTES:
                    tell(f"downloaded {format_bytes(done)}" + (f" of {format_bytes(size)}" if size else ""))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotMeasurable(f"{remote.shown} cannot be downloaded: {_said(error, remote)}") from None


def _require_room(remote: Remote, size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise NotMeasurable(
            f"{remote.shown} has more than the {format_bytes(limit_bytes)} that may be written (--max-size, free disk)"
        )


def _said(error: Exception, remote: Remote) -> str:
    """The library's words, without the URL's secrets."""
    return str(error).replace(remote.url, remote.shown) or type(error).__name__
