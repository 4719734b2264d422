"""`compose:` of a stack file: the Compose project that the stack is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gonogo.spec.base import Spec


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _short_form(value: Any) -> Any:
    return {"file": value} if isinstance(value, (str, list)) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_several)]


class ComposeSpec(Spec):
    """A Compose project, run as it is by the docker runtime. Paths count from the stack file."""

    file: Names = Field(min_length=1)  # several are merged, as with several -f
    profiles: Names = ()
    env_file: Names = ()  # what ${…} in the Compose file gets its values from, beside .env and the environment
    without: Names = ()  # services that the run does not need, or must not start


Compose = Annotated[ComposeSpec | None, BeforeValidator(_short_form)]  # FILE alone stands for {file: FILE}


def check_named(compose: ComposeSpec | None, named: Mapping[str, str | None]) -> None:
    """Raise ValueError unless services say which one of the Compose project they are exactly where there is one."""
    saying = [name for name, one in named.items() if one]
    if saying and compose is None:
        raise ValueError(f"{', '.join(saying)}: compose: names a service of the file that compose: at the top names")
    if compose is not None and not saying:
        raise ValueError("no service says with compose: which one of the Compose project it is")
