"""Where a seeded defect belongs in a stack of any shape.

Defects are written for the names of the reference stack: `db`, `app`, `llm`, a standby, a backup. On another stack the
same part goes by another name, or is not there: then the defect cannot be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.core.errors import MissingCapability
from gonogo.spec.stack import StackSpec

LLM_KIND = "openai_stub"
OPEN = {"settings"}  # mappings in which every key means something, whether the stack file has it or not
READ = {"environment"}  # mappings of which only what the stack file has is known to be read by somebody


def service_name(stack: StackSpec, name: str) -> str:
    """What the stack calls its `db`, `app` or `llm`; another name is itself. MissingCapability where it is not there.

    >>> service_name(StackSpec.model_validate({"stack": "s", "services": {"pg": {"kind": "postgres"}},
    ...                                        "data": {"service": "pg"}}), "db")
    'pg'
    """
    if name in stack.services:
        return name
    stub = next((one for one, service in stack.services.items() if service.kind == LLM_KIND), None)
    called = {"db": stack.data.service, "app": stack.contract.service, "llm": stub}.get(name)
    if called is None or called not in stack.services:
        raise MissingCapability(f"the stack has no service {called or name}")
    return called


def server_name(stack: StackSpec, name: str | None) -> str | None:
    """A server of a defect (`db`, `db/replica`) as the stack calls it; None is the main database."""
    if name is None:
        return None
    service, slash, standby = name.partition("/")
    service = service_name(stack, service)
    return f"{service}/{_standby(stack, service, standby)}" if slash else service


def placed(stack: StackSpec, data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a stack file with the keys and references that this stack has for them.

    `data` is the stack file as it was read. Raises MissingCapability for a change of something that is not in it.
    """
    return {_key(stack, data, dotted): renamed(stack, value) for dotted, value in changes.items()}


def renamed(stack: StackSpec, value: Any) -> Any:
    """A value whose `${db.…}` names the stack's own database."""
    if isinstance(value, str):
        return value.replace("${db.", f"${{{stack.data.service}.") if "db" not in stack.services else value
    if isinstance(value, dict):
        return {key: renamed(stack, entry) for key, entry in value.items()}
    return [renamed(stack, entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _key(stack: StackSpec, data: Mapping[str, Any], dotted: str) -> str:
    match dotted.split("."):
        case ["services", name, *rest]:
            service = service_name(stack, name)
            match rest:
                case ["standbys", standby, *deeper]:
                    rest = ["standbys", _standby(stack, service, standby), *deeper]
            keys = ["services", service, *rest]
        case ["backups", name, *rest]:
            keys = ["backups", _only(name, data.get("backups") or {}, "the stack file declares no backup"), *rest]
        case keys:
            pass
    _exists(data, keys)
    return ".".join(keys)


def _standby(stack: StackSpec, service: str, name: str) -> str:
    declared = (stack.services[service].model_extra or {}).get("standbys")
    return _only(name, declared if isinstance(declared, dict) else {}, f"{service} has no standby")


def _only(name: str, declared: Mapping[str, Any], absent: str) -> str:
    """The one that is called so, else the first there is."""
    if not declared:
        raise MissingCapability(absent)
    return name if name in declared else next(iter(declared))


def _exists(data: Mapping[str, Any], keys: list[str]) -> None:
    """Everything above the last key is in the stack file, and a variable is one that the service is given."""
    here: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        above = keys[depth - 1] if depth else ""
        if not isinstance(here, Mapping) or (key not in here and not last and key not in OPEN):
            raise MissingCapability(f"the stack file has no {'.'.join(keys[: depth + 1])}")
        if above in READ and key not in here:
            raise MissingCapability(f"{keys[1]} is given no {key}")
        here = here.get(key) or {}
