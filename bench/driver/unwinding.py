"""An exit stack that cannot be held up: closing a connection may wait for a broker that is gone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self, TypeVar

from bench.errors import StalledError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

T = TypeVar("T")

INSIST_S = 0.1


class LimitedExitStack(AsyncExitStack):
    """Leaves its contexts one by one, and gives each ``limit_s``: a thousand connections take their time.

    One that is not left by then is cancelled, and all that come after it are cancelled at once: a broker that
    does not answer the first will not answer the others.
    An error that is on its way out stays that error; otherwise the delay itself is a StalledError.
    """

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self._limit_s = limit_s
        self._overrun = False

    async def enter_async_context(self, cm: AbstractAsyncContextManager[T, bool | None]) -> T:
        entered = await cm.__aenter__()

        async def leave(
            kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> bool | None:
            now_s = asyncio.get_running_loop().time()
            with Insistence(now_s if self._overrun else now_s + self._limit_s) as insistence:
                try:
                    return await cm.__aexit__(kind, error, trace)
                except BaseException:
                    if not insistence.is_why:
                        raise
            self._overrun = True
            if error is None:
                raise StalledError(f"closing took more than {self._limit_s:g} s")
            return False

        self.push_async_exit(leave)
        return entered


class Insistence:
    """Cancels the current task from a time on, again and again until the block is left.

    Once, as ``asyncio.timeout`` does, is not enough: a client may take a cancellation for a reason to close
    what it waits for, and then wait for that.
    """

    def __init__(self, from_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._from_s = from_s
        self._before = task.cancelling()
        self._cancels = 0

    def __enter__(self) -> Self:
        self._timer = self._loop.call_at(self._from_s, self._insist)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for _cancel in range(self._cancels):
            self._task.uncancel()

    @property
    def is_why(self) -> bool:
        """This, and nobody else, cancelled the task."""
        return self._cancels > 0 and self._task.cancelling() == self._before + self._cancels

    def _insist(self) -> None:
        self._cancels += 1
        self._task.cancel()
        self._timer = self._loop.call_later(INSIST_S, self._insist)
