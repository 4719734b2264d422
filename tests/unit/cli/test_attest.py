"""A certificate says what the evidence says, and is worth nothing once a file of it has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.golden.runs import DRILL, RUNS

from gonogo.cli import main
from gonogo.core.errors import UsageError
from gonogo.judge.run import judge, judgement_bytes
from gonogo.reports.certificate import certificate


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A judged run with a drill."""
    folder: Path = RUNS["no_go"](tmp_path / "run")
    (folder / "run.json").write_bytes(judgement_bytes(judge(folder)))
    return folder


def attest(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["attest", *map(str, arguments)])


def certified(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "certificate.json").read_text())
    return document


def test_a_certificate_says_who_what_when_and_on_what_evidence(run: Path) -> None:
    done = attest(run, "--issuer", "Dana Ops")
    assert done.exit_code == 0, done.output
    document, judged = certified(run), json.loads((run / "run.json").read_text())
    assert (document["issuer"], document["run_id"], document["verdict"]) == ("Dana Ops", judged["run_id"], "NO-GO")
    (drill,) = document["drills"]
    finding = next(one for one in judged["findings"] if one["id"] == DRILL)
    assert (drill["id"], drill["outcome"]) == (DRILL, finding["outcome"])
    assert [one["measured"] for one in drill["expectations"]] == [one["actual"] for one in finding["expectations"]]
    assert drill["phases"]
    assert {"run.json", "events.ndjson", "judging.json", "plan.json"} <= set(document["evidence"])
    page = (run / "certificate.html").read_text()
    assert "Dana Ops" in page
    assert "<script" not in page
    assert all(digest in page for digest in document["evidence"].values())


def test_a_drill_that_failed_supports_no_control(run: Path) -> None:
    judged = json.loads((run / "run.json").read_text())
    for outcome, supported in (("PASS", True), ("FAIL", False), ("UNKNOWN", False)):
        for finding in judged["findings"]:
            if finding["id"] == DRILL:
                finding["outcome"] = outcome
        controls = certificate(judged, issuer="x", digests={})["controls"]
        assert [one["control"] for one in controls] == ["A.8.13", "A1.2", "A1.3"]
        assert {one["supported"] for one in controls} == {supported}


def test_every_change_of_the_evidence_is_named(run: Path) -> None:
    attest(run)
    assert attest(run, "--check").exit_code == 0
    before = (run / "facts.json").read_bytes()
    (run / "facts.json").write_bytes(before + b" ")
    (run / "more.txt").write_text("x")
    told = attest(run, "--check")
    assert (told.exit_code, told.output.splitlines()) == (
        1, ["facts.json: changed", "more.txt: was not there when it was certified"],
    )  # fmt: skip
    (run / "facts.json").unlink()
    assert "facts.json: gone" in attest(run, "--check").output


def test_a_certificate_that_says_more_than_the_evidence_is_named(run: Path) -> None:
    attest(run)
    document = certified(run)
    document["drills"][0]["outcome"] = "PASS"
    document["controls"][0]["supported"] = True
    (run / "certificate.json").write_text(json.dumps(document))
    told = attest(run, "--check")
    assert (told.exit_code, "says something else than the evidence" in told.output) == (1, True)


def test_what_the_evidence_does_not_come_to_is_not_certified(run: Path) -> None:
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"NO-GO"', '"GO"'))
    refused = attest(run)
    assert (refused.exit_code, "is not what its evidence comes to" in refused.output) == (2, True)
    assert not (run / "certificate.json").exists()


def test_a_run_without_a_drill_and_a_link_for_evidence_are_refused(tmp_path: Path, run: Path) -> None:
    judged = json.loads((run / "run.json").read_text())
    judged["findings"] = [one for one in judged["findings"] if one["id"] != DRILL]
    with pytest.raises(UsageError, match="holds no restore drill"):
        certificate(judged, issuer="x", digests={})
    (run / "elsewhere").symlink_to(tmp_path)
    assert "is a link" in attest(run).output
    assert "judges what is there" in attest(tmp_path).output


def test_a_key_of_nobody_signs_nothing(run: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    assert "is no secret key of minisign or cosign" in attest(run, "--sign-with", key).output


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")
def test_a_signature_is_of_this_certificate_alone(run: Path, tmp_path: Path) -> None:
    public, secret = tmp_path / "a.pub", tmp_path / "a.key"
    subprocess.run(["minisign", "-G", "-W", "-p", public, "-s", secret], check=True, capture_output=True)
    signed = attest(run, "--sign-with", secret)
    assert signed.exit_code == 0, signed.output
    verify = ["minisign", "-V", "-p", str(public), "-m", str(run / "certificate.json")]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
    assert attest(run, "--check").exit_code == 0  # the signature is no evidence
    (run / "certificate.json").write_text((run / "certificate.json").read_text().replace("Dana", "Eve") + " ")
    assert subprocess.run(verify, check=False, capture_output=True).returncode != 0
    attest(run)
    assert not (run / "certificate.json.minisig").exists()  # of the one before
