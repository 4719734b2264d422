"""One container: its limits, files, volumes, health, commands, and what is kept of its log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.func.stacks.doubles import FileRun

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, StackError
from gonogo.engine.cpu import CpuMeter
from gonogo.stacks.docker.box import Box, Definition, run_to_end
from gonogo.stacks.docker.container import ContainerSpec
from gonogo.stacks.docker.disk import DockerDisk
from gonogo.stacks.docker.endpoint import endpoint
from gonogo.stacks.docker.engine import labels_of, leftovers, remove_run
from gonogo.stacks.docker.images import Image, Images, mirror_map
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.references import References

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
PYTHON = "python:3.12-slim"
WAITS = ["python3", "-c", "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); signal.pause()"]
HEALTHY = ["python3", "-c", "import pathlib, sys; sys.exit(not pathlib.Path('/tmp/well').exists())"]

BURNS = "import time; any(time.process_time() > 0.8 for _ in iter(int, 1))"  # seconds of a processor


@pytest.fixture
def site(engine: DockerClient, tmp_path: Path) -> Iterator[DockerSite]:
    """A run's place in the engine; everything of it is gone afterwards."""
    run = FileRun(tmp_path / "scratch")
    info: Any = engine.info()
    engine.networks.create(f"gonogo-{run.run_id}", labels=labels_of(run.run_id))
    yield DockerSite(
        run=run, client=engine, images=Images(engine, mirror_map(), run.progress), network=f"gonogo-{run.run_id}",
        references=References(folder=tmp_path, secret=run.secret), deadline=Deadline.after(120),
        address=endpoint().address, info=info,
    )  # fmt: skip
    remove_run(engine, run.run_id)
    assert leftovers(engine, run.run_id) == []


@pytest.fixture
def image(site: DockerSite) -> Image:
    """Something that runs Python."""
    return site.images.find(PYTHON, site.deadline)


@pytest.fixture
def box(site: DockerSite, image: Image, tmp_path: Path) -> Callable[..., Box]:
    """A function that makes a container which waits, with keys of `container:`."""

    def make(command: list[str] | None = None, **keys: Any) -> Box:
        definition = Definition(
            service="one", image=image.id, command=command or WAITS, container=ContainerSpec.model_validate(keys),
            folder=tmp_path,
        )  # fmt: skip
        return Box(site, definition)

    return make


def said(one: Box, script: str) -> str:
    """What a shell inside prints."""
    done = one.execute(["sh", "-c", script], deadline=Deadline.after(30))
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def test_limits_volumes_and_files_are_as_the_stack_file_says(box: Callable[..., Box], tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.ini").write_text("key = 1\n")
    (tmp_path / "conf" / "a.ini").chmod(0o600)  # the image's user is not ours
    one = box(
        memory="64MiB", cpus=0.5, processes=20, tmpfs={"/small": "1MiB"}, volumes={"data": "/kept"},
        files={"conf": "/etc/one", "conf/a.ini": "/one.ini"},
    )  # fmt: skip
    one.start()
    limits = one.container.attrs["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"]) == (64 * 2**20, 64 * 2**20)
    assert (limits["NanoCpus"], limits["PidsLimit"]) == (500_000_000, 20)
    assert said(one, "cat /etc/one/a.ini /one.ini; stat -c %a /one.ini") == "key = 1\nkey = 1\n644"
    assert said(one, "head -c 2M /dev/zero >/small/x 2>/dev/null; stat -c %s /small/x") == str(2**20)
    hungry = one.execute(["python3", "-c", "x = bytearray(200 * 2**20)"], deadline=Deadline.after(30))
    assert hungry.exit_code == 137  # the kernel ended it, and not the container
    assert one.is_running()

    said(one, "echo still >/kept/here")
    one.copy_in("/kept/there", b"copied", mode=0o600)
    one.kill()
    assert one.copy_out("/kept/here") == b"still\n"  # of a dead one, too
    one.start()
    assert said(one, "cat /kept/here /kept/there") == "still\ncopied"
    one.pause()
    with pytest.raises(StackError, match="is paused"):
        one.execute(["true"], deadline=Deadline.after(5))
    one.resume()
    assert one.stop(20) == 7  # as it ends itself
    one.remove()


def test_a_path_or_a_limit_that_cannot_be_is_refused(box: Callable[..., Box], site: DockerSite) -> None:
    with pytest.raises(ValueError, match="begins with /"):
        box(tmpfs={"data": "1MiB"})
    with pytest.raises(StackError, match=r"container\.files: there is no .*/nowhere\.conf"):
        box(files={"nowhere.conf": "/x"}).start()
    unable = {**site.info, "MemoryLimit": False}
    with pytest.raises(MissingCapability, match="one: this Docker engine cannot limit memory"):
        ContainerSpec.model_validate({"memory": "64MiB"}).require("one", unable)


def test_a_start_waits_until_the_container_is_healthy(box: Callable[..., Box]) -> None:
    health = {"command": HEALTHY, "every": "100ms", "within": "20s"}
    well = box(["sh", "-c", "sleep 1; touch /tmp/well; sleep 60"], health=health)
    well.start()
    well.await_healthy(Deadline.after(60))
    assert well.container.attrs["State"]["Health"]["Status"] == "healthy"

    never = box(["sleep", "60"], health={**health, "within": "2s"})
    never.start()
    with pytest.raises(StackError, match=r"one is not healthy: .*; its HEALTHCHECK ended with 1: it said nothing"):
        never.await_healthy(Deadline.after(60))

    without = box(health={})
    without.start()
    with pytest.raises(StackError, match="its image has no HEALTHCHECK"):
        without.await_healthy(Deadline.after(60))


def test_every_life_of_a_container_is_in_the_log_once(box: Callable[..., Box], site: DockerSite) -> None:
    one = box(["sh", "-c", "echo begins; echo loud >&2; echo in a file >>/tmp/own.log; exec sleep 60"])
    for times in (1, 2):
        one.start()
        Deadline.after(30).poll(
            lambda times=times: one.log_text().count("loud") == times,  # type: ignore[misc]
            every_seconds=0.05, what="it has spoken",
        )  # fmt: skip
        one.kill()
    one.remove()
    run = site.run
    assert isinstance(run, FileRun)
    kept = run.records.with_name("one.log").read_text().splitlines()
    assert sorted(kept) == ["begins", "begins", "loud", "loud"]


def test_a_full_disk_is_its_own_and_what_is_in_it_survives_a_kill(site: DockerSite, image: Image) -> None:
    disk = DockerDisk(site, "one", image, 4 * 2**20)
    assert disk.missing is None
    definition = Definition(service="one", image=image.id, command=WAITS, mounts={disk.volume: ("/data", "rw")})
    one = Box(site, definition)
    one.start()
    said(one, "echo mine >/data/mine")
    assert disk.fill() > 3 * 2**20
    assert disk.free_bytes() == 0
    full = one.execute(["sh", "-c", "head -c 8192 /dev/zero >/data/more"], deadline=Deadline.after(30))
    assert "No space left on device" in full.stderr
    one.kill()
    one.start()
    assert said(one, "cat /data/mine") == "mine"
    disk.release()
    said(one, "head -c 8192 /dev/zero >/data/more")
    one.remove()
    disk.remove()
    disk.remove()
    assert "no disk:" in str(DockerDisk(site, "two", image, None).missing)


def test_images_by_digest_and_pull_policies(site: DockerSite, engine: DockerClient) -> None:
    local = site.images.find(PYTHON, site.deadline, "never")
    assert site.images.find(local.id, site.deadline, "never").id == local.id
    assert re.search(r"sha256:[0-9a-f]{64}", local.evidence)
    with pytest.raises(StackError, match="nobody/has-it:1 is not on this machine, and pull: never forbids"):
        site.images.find("nobody/has-it:1", site.deadline, "never")
    away = Images(engine, {PYTHON: "127.0.0.1:9/python:3"}, lambda _: None)
    with pytest.raises(StackError, match=r"127\.0\.0\.1:9/python:3 is not on this machine and could not be pulled"):
        away.find(PYTHON, Deadline.after(60), "always")


def test_what_runs_to_its_end_says_how(site: DockerSite, image: Image) -> None:
    definition = Definition(service="task", image=image.id, command=["sh", "-c", "echo done; exit 3"])
    assert run_to_end(site, definition, site.deadline) == (3, "done\n")
    assert isinstance(site.run, FileRun)
    assert site.run.records.with_name("task.log").read_text() == "done\n"


def test_what_runs_in_containers_counts_as_our_own_work_also_what_has_ended(
    site: DockerSite, box: Callable[..., Box]
) -> None:
    one = box()
    with CpuMeter(site.holders.values, time.monotonic) as meter:
        one.start()
        first = meter.sample()
        said(one, f"python3 -c '{BURNS}'")
        own = meter.sample().own - first.own
    one.remove()
    assert own > 0.7
    assert site.holders == {}
