"""Where workers run: somebody to start them and to pass lines both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

Answer = dict[str, Any]


class WorkerHandle(Protocol):
    """A running worker. ``pids`` are its processes; none where they cannot be seen from here."""

    @property
    def pids(self) -> Sequence[int]: ...

    async def ask(self, command: Mapping[str, Any], limit_s: float) -> Answer:
        """Raises WorkerFailedError (or what it is a kind of) or WorkerStuckError."""
        ...


class Engine(Protocol):
    """Starts workers; a worker is gone, whatever happened, when its block is left."""

    def worker(
        self, python: str, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[WorkerHandle]: ...
