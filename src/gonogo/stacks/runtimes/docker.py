"""Containers, started through testcontainers: a network per run, ports on 127.0.0.1 only, labels on everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import StackError
from gonogo.core.outcome import Capability
from gonogo.stacks.capabilities import find_capabilities
from gonogo.stacks.compose.stack import ComposeStack
from gonogo.stacks.compose.start import start_project
from gonogo.stacks.docker.build import ready_template, start_service
from gonogo.stacks.docker.endpoint import endpoint
from gonogo.stacks.docker.engine import connect, labels_of, leftovers, problem, remove_run, ryuk_labels, speaking
from gonogo.stacks.docker.images import Images, mirror_map
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.stack import DockerStack
from gonogo.stacks.docker.templates import VolumeTemplates
from gonogo.stacks.docker.watchdog import Watchdog
from gonogo.stacks.interfaces import RunServices, Stack, StackRequest
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.order import start_order
from gonogo.stacks.references import References
from gonogo.stacks.running import supported
from gonogo.stacks.services import Declared, declared_services
from gonogo.stacks.started import Started
from gonogo.stacks.starting import start_all

if TYPE_CHECKING:
    from docker import DockerClient


class DockerRuntime:
    """Implements Runtime."""

    name = "docker"

    def available(self) -> str | None:
        """Needs the SDK and an engine that answers."""
        return problem()

    def start(self, request: StackRequest) -> Stack:
        """Start every service, from the stack's template; build that first when there is none."""
        declared = declared_services(request.spec, request.spec_path)
        order = start_order(declared)
        mirrors = mirror_map()
        client = connect()
        end = _ending(client, request.run)
        try:
            site = _site(client, mirrors, request)
            if request.spec.compose is not None:
                return _able(start_project(request, site, declared, end), client)
            started = _start_all(declared, order, site, VolumeTemplates(cache_folder(), client))
            stack = DockerStack(request=request, site=site, declared=declared, started=started, end=end)
            return _able(stack, client)
        except BaseException:
            end()
            raise


RUNTIME = DockerRuntime()


def _able(stack: DockerStack | ComposeStack, client: DockerClient) -> Stack:
    """The stack, knowing what it can do."""
    found = find_capabilities(stack)
    found[Capability.PAUSE] = found[Capability.PAUSE] or _cannot_pause(client)
    found |= stack.lacking() if isinstance(stack, ComposeStack) else {}
    stack.capabilities, stack.missing = supported(found)
    return stack


def _ending(client: DockerClient, run: RunServices) -> Callable[[], None]:
    """Record that the run is about to make things in Docker, and have that watched; returns what removes them all."""
    record = run.intend("docker", {"run_id": run.run_id})
    watchdog = Watchdog(run.run_id)
    ended = False

    def end() -> None:
        nonlocal ended
        if ended:
            return
        remove_run(client, run.run_id)
        if left := leftovers(client, run.run_id):
            raise StackError(f"still in Docker: {', '.join(left)}")
        run.undone(record)
        watchdog.dismiss()
        ended = True
        client.close()

    return end


def _site(client: DockerClient, mirrors: Mapping[str, str], request: StackRequest) -> DockerSite:
    name = f"gonogo-{request.run.run_id}"
    with speaking("the run's network cannot be made"):
        labels = {**labels_of(request.run.run_id), **ryuk_labels()}
        client.networks.create(name, driver="bridge", labels=labels)
        info: Any = client.info()
    return DockerSite(
        run=request.run,
        client=client,
        images=Images(client, mirrors, request.run.progress),
        network=name,
        references=References(folder=request.spec_path.parent, secret=request.run.secret),
        deadline=request.deadline,
        address=endpoint().address,
        info=info,
        application_source=request.application_source,
    )


def _start_all(
    declared: Mapping[str, Declared], order: list[str], site: DockerSite, templates: VolumeTemplates
) -> dict[str, Started]:
    started: dict[str, Started] = {}
    with ready_template(declared, order, site, templates) as template:
        there = replace(site, template=template)
        start_all(
            declared, lambda one: start_service(one, there), references=site.references, run=site.run, started=started
        )
    return started


def _cannot_pause(client: DockerClient) -> str | None:
    with speaking("the engine does not tell how it controls groups"):
        info: Any = client.info()
    return "the engine controls no groups of processes" if info.get("CgroupDriver") == "none" else None
