"""Logs of services in the run directory."""

from __future__ import annotations

from pathlib import Path

from gonogo.core.redact import Redactor
from gonogo.rundir.logs import LONGEST_LINE_BYTES, RunLog


def log_of(folder: Path, *, limit_bytes: int = 2**20) -> RunLog:
    redactor = Redactor()
    redactor.register("hunter22")
    return RunLog(folder / "logs" / "app.log", redactor, limit_bytes=limit_bytes)


def test_a_secret_that_comes_in_two_pieces_is_masked(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    for piece in (b"key hun", b"ter22 at postgresql://app:s3", b"cret@db/rag\nlast"):
        log.write(piece)
    assert log.path.read_text() == "key **** at postgresql://app:****@db/rag\n"
    log.close()
    assert log.path.read_text().endswith("\nlast\n")
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_a_log_is_bounded_and_says_what_it_let_go(tmp_path: Path) -> None:
    log = log_of(tmp_path, limit_bytes=1000)
    for number in range(100):
        log.write(f"line {number:04} {'x' * 40}\n".encode())
    kept = log.before.read_text() + log.path.read_text()
    assert len(kept) <= 2200
    assert kept.splitlines()[-1].startswith("line 0099")
    numbers = [int(line.split()[1]) for line in kept.splitlines() if line.startswith("line")]
    assert numbers == list(range(numbers[0], 100))
    assert "bytes before this line were let go" in log.before.read_text()


def test_a_line_without_an_end_is_left_out_and_the_next_one_is_not(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.write(b"first\n")
    for _ in range(2 * LONGEST_LINE_BYTES // 4096):
        log.write(b"hunter22" * 512)
    log.write(b"\nlast\n")
    first, left_out, last = log.path.read_text().splitlines()
    assert (first, last) == ("first", "last")
    assert "left out" in left_out


def test_what_was_not_text_and_nothing_at_all(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.close()
    assert not log.path.exists()
    log.write(b"\xff\n\n")
    assert log.path.read_text() == "\N{REPLACEMENT CHARACTER}\n\n"
