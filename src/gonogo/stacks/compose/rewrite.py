"""What is changed in a Compose project so that a run of it meets nobody: from the resolved model to another one.

Nothing leaves the run: no fixed port, name or address, no volume, network or folder of anybody else. What cannot be
taken in hand like that is refused: see beyond.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.stacks.compose.dollars import doubled
from gonogo.stacks.compose.mounts import Folders, Mounting
from gonogo.stacks.docker.box import HOST, LOG_OPTIONS

OWN_NETWORK = "gonogo"  # its key in the rewritten project: the network that gonogo's own containers are in
START_PERIOD = "60s"  # on a busy host, a first start outlasts the retries of many a health check
PORTS_AS_WRITTEN = ("target", "protocol", "app_protocol", "name")

Model = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What gonogo needs of a service that the stack file names."""

    port: int | None = None  # inside; published even where the project does not
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()  # instead of its own
    shares: tuple[str, ...] = ()  # folders of this host that it sees at the same path
    data: tuple[str, ...] = ()  # where it keeps data inside: what the user has there is not for us


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the run gives to the project."""

    project: str
    network: str
    labels: Callable[[str], Mapping[str, str]]  # of everything that belongs to a service, "" for the rest
    images: Mapping[str, str]  # service → the image that stands for its own here
    port: Callable[[], int]  # a free one
    folders: Folders
    reached: Mapping[str, Reached]


@dataclass(slots=True)
class Rewritten:
    """The project as it runs, the ports of this host, and what is different from the user's, one sentence each."""

    model: Model
    ports: dict[tuple[str, int], int] = field(default_factory=dict)  # service and port inside → port of 127.0.0.1
    notes: list[str] = field(default_factory=list)


def left_out(model: Model, names: frozenset[str]) -> Model:
    """The project without some of its services; others no longer wait for them."""
    services = {name: dict(one) for name, one in model["services"].items() if name not in names}
    for one in services.values():
        waits = {name: how for name, how in (one.get("depends_on") or {}).items() if name not in names}
        one["depends_on"] = waits
        one["links"] = [link for link in one.get("links") or () if str(link).partition(":")[0] not in names]
    return {**model, "services": services}


def rewrite(model: Model, around: Surroundings) -> Rewritten:
    """The project as it runs. `model` is what Compose resolved, without objections."""
    made = Rewritten(model={"name": around.project})
    made.model["networks"] = _networks(model, around, made)
    made.model["volumes"] = _volumes(model, around, made)
    for kind in ("secrets", "configs"):
        if model.get(kind):
            made.model[kind] = {
                name: {key: value for key, value in one.items() if key != "name"} for name, one in model[kind].items()
            }
    services = {name: _service(name, one, around, made) for name, one in model["services"].items()}
    made.model["services"] = services
    return made


def _networks(model: Model, around: Surroundings, made: Rewritten) -> Model:
    found: Model = {OWN_NETWORK: {"name": around.network, "external": True}}
    for key, one in (model.get("networks") or {}).items():
        network = one or {}
        if network.get("external"):
            made.notes.append(f"network {key} is somebody else's (external): the run has an empty one in its place")
        if network.get("ipam"):
            made.notes.append(f"network {key}: its fixed addresses (ipam) are not taken")
        if network.get("driver") not in (None, "", "bridge"):
            made.notes.append(f"network {key} is a plain bridge here instead of {network['driver']}")
        found[key] = {
            "name": f"{around.project}_{key}", "driver": "bridge", "internal": bool(network.get("internal")),
            "labels": {**_labels(network), **around.labels("")},
        }  # fmt: skip
    return found


def _volumes(model: Model, around: Surroundings, made: Rewritten) -> Model:
    found: Model = {}
    for key, one in (model.get("volumes") or {}).items():
        volume = one or {}
        options = volume.get("driver_opts") or {}
        if volume.get("external"):
            made.notes.append(f"volume {key} is somebody else's (external): the run has an empty one in its place")
        elif options and options.get("type") != "tmpfs":
            made.notes.append(f"volume {key} lies elsewhere ({options.get('device', 'driver_opts')}): here it is empty")
        kept = {"driver_opts": options} if options.get("type") == "tmpfs" and not volume.get("external") else {}
        labels = {**_labels(volume), **around.labels("")}
        found[key] = {"name": f"{around.project}_{key}", "labels": labels, **kept}
    return found


def _service(name: str, one: Model, around: Surroundings, made: Rewritten) -> Model:
    wanted = around.reached.get(name, Reached())
    gone = ("build", "container_name", "profiles", "restart", "env_file", "develop", "scale", "pull_policy", "platform")
    service = {key: value for key, value in one.items() if key not in gone}
    service |= {
        "image": around.images[name],
        "pull_policy": "never",
        "restart": _restart(one),
        "logging": {"driver": "json-file", "options": dict(LOG_OPTIONS)},
        "labels": {**_labels(one), **around.labels(name)},
        "environment": {**(one.get("environment") or {}), **{k: doubled(v) for k, v in wanted.environment.items()}},
        "ports": _ports(name, one, wanted, around, made),
    }
    mounting = Mounting(
        service=name, project=around.project, labels=around.labels(name), data=wanted.data,
        folders=around.folders, notes=made.notes, volumes=made.model["volumes"],
    )  # fmt: skip
    service["volumes"] = mounting.of(one.get("volumes") or [])
    service["volumes"] += [{"type": "bind", "source": each, "target": each} for each in wanted.shares]
    if health := one.get("healthcheck"):
        service["healthcheck"] = health if health.get("disable") else {"start_period": START_PERIOD, **health}
    if wanted.command:
        service["command"] = [doubled(word) for word in wanted.command]
    if "deploy" in one or "scale" in one:
        service["deploy"] = _deploy(name, one, made)
    if not one.get("network_mode"):
        service["networks"] = _attachments(one, reached=name in around.reached)
    return service


def _restart(one: Model) -> str:
    """Until the project has started; then nothing starts again by itself: see `Project.stay_dead`.

    Many a service ends as long as its database does not answer, and counts on being started again. Never `always`:
    that one would come back with the engine after a restart of this host, when nobody remembers the run.
    """
    deploy = (one.get("deploy") or {}).get("restart_policy") or {}
    wanted = str(one.get("restart") or deploy.get("condition") or "no")
    return "no" if wanted in {"no", "none"} else "on-failure"


def _deploy(name: str, one: Model, made: Rewritten) -> Model:
    deploy = one.get("deploy") or {}
    if int(one.get("scale") or deploy.get("replicas") or 1) > 1:
        made.notes.append(f"{name} runs once, not {one.get('scale') or deploy['replicas']} times")
    return {"resources": deploy["resources"]} if deploy.get("resources") else {}


def _ports(name: str, one: Model, wanted: Reached, around: Surroundings, made: Rewritten) -> list[Model]:
    """Every port that the project publishes, and the one that gonogo needs, on free ports of 127.0.0.1."""
    if str(one.get("network_mode") or "").startswith(("service:", "none")):
        return []
    written = [dict(each) for each in one.get("ports") or ()]
    inside = [(int(each["target"]), each.get("protocol", "tcp")) for each in written]
    if wanted.port and (wanted.port, "tcp") not in inside:
        written.append({"target": wanted.port, "protocol": "tcp"})
    found = []
    for each in {(int(port["target"]), port.get("protocol", "tcp")): port for port in written}.values():
        free = around.port()
        if each.get("protocol", "tcp") == "tcp":
            made.ports[name, int(each["target"])] = free
        kept = {key: each[key] for key in PORTS_AS_WRITTEN if key in each}
        found.append({**kept, "mode": "host", "host_ip": HOST, "published": str(free)})
    return found


def _attachments(one: Model, *, reached: bool) -> Model:
    """Its networks without fixed addresses; others may call it by its container_name, as they did."""
    networks = one.get("networks") or {"default": None}
    found: Model = {}
    for key, how in networks.items():
        aliases = [*((how or {}).get("aliases") or ()), *([one["container_name"]] if one.get("container_name") else ())]
        found[key] = {"aliases": aliases} if aliases else None
    return {**found, OWN_NETWORK: None} if reached else found


def _labels(one: Mapping[str, Any]) -> dict[str, str]:
    labels = one.get("labels") or {}
    if isinstance(labels, list):
        return dict(str(label).partition("=")[::2] for label in labels)
    return dict(labels)
