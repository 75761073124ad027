"""Waiting for a client's work, but not past its failure, and only as long as messages move."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import StalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class Watch:
    """Hears of failures that no call of ours would, and sees a standstill; made on a running loop."""

    def __init__(self) -> None:
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        """The client went wrong somewhere in the background; the first such error counts."""
        if not self._failure.done():
            self._failure.set_exception(error)
            self._failure.exception()  # it may come when nothing waits: not "never retrieved"

    async def or_failure(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Awaits something that is not the client's work; raises what the client failed with meanwhile."""
        task = asyncio.ensure_future(waiting)
        try:
            await self._first_of(task)
            return task.result()
        finally:
            task.cancel()

    async def moving(
        self,
        work: Coroutine[Any, Any, object],
        *,
        limit_s: float,
        progress: Callable[[], int],
        standstill: Callable[[], str],
    ) -> None:
        """Awaits ``work`` as long as ``progress`` changes within ``limit_s``; else StalledError, in words."""
        task = asyncio.ensure_future(work)
        try:
            moved = -1
            while not task.done():
                if (now := progress()) == moved:
                    raise StalledError(standstill())
                moved = now
                await self._first_of(task, timeout=limit_s)
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _first_of(self, task: asyncio.Future[Any], timeout: float | None = None) -> None:
        both: set[asyncio.Future[Any]] = {task, self._failure}
        await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            self._failure.result()
