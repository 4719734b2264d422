"""Where a backup lies that is at a URL, and what is shown of that."""

from __future__ import annotations

import pytest

from gonogo.core.errors import UsageError
from gonogo.drills.given.remote import is_url, remote_of


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("https://backups.example/rag/tonight.dump", "https://backups.example/rag/tonight.dump", "tonight.dump"),
        ("https://me:secret@h.example:8443/a%20b.dump?X-Sig=abc#x", "https://h.example:8443/a%20b.dump", "a_b.dump"),
        ("http://h.example/", "http://h.example/", "backup"),
        ("http://h.example/..", "http://h.example/..", ".."),
        ("https://h.example/%2e%2e%2fetc%2fpasswd", "https://h.example/%2e%2e%2fetc%2fpasswd", "passwd"),
    ],
)
def test_secrets_of_a_url_are_not_shown_and_its_name_is_a_file_name(text: str, shown: str, name: str) -> None:
    remote = remote_of(text)
    assert (remote.shown, remote.url) == (shown, text)
    assert remote.name == ("backup" if name == ".." else name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://bucket/tonight.dump", "s3://: gonogo downloads over https"),
        ("file:///etc/passwd", "file://: gonogo downloads over https"),
        ("https:///tonight.dump", "a URL names a host"),
        ("https://me:pw@h.example:none/x", "https://h.example:none: Port could not be cast"),
    ],
)
def test_what_cannot_be_downloaded_is_refused_without_its_secrets(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        remote_of(text)
    assert said in str(refused.value)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("text", ["/backups/a.dump", "a.dump", "./https:/x", "C:/a.dump", "://x"])
def test_a_path_is_no_url(text: str) -> None:
    assert not is_url(text)
