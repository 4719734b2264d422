"""Messages are accepted and not stored."""


def apply() -> None:
    """Say that it was stored."""
    from typing import Any

    from memory_layer import memory

    async def remember(self: memory.Memory, tenant: str, message_id: str, **rest: Any) -> int:
        return 1

    memory.Memory.remember = remember  # type: ignore[method-assign]  # the defect
