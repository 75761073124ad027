"""Keeps an async context manager entered on a loop of its own, in a thread beside the loop under test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def aside(manager: AbstractAsyncContextManager[T]) -> Iterator[tuple[T, asyncio.AbstractEventLoop]]:
    """What the manager yields, and the loop on which it lives: always asyncio's, whatever loop is tested."""
    entered: Future[tuple[T, asyncio.AbstractEventLoop]] = Future()
    leave = asyncio.Event()

    async def hold() -> None:
        async with manager as value:
            entered.set_result((value, asyncio.get_running_loop()))
            await leave.wait()

    ended: Future[None] = Future()

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as error:  # noqa: BLE001  # it is raised in the thread that waits
            if not entered.done():
                entered.set_exception(error)
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=run, daemon=True, name="aside").start()
    value, loop = entered.result()
    try:
        yield value, loop
    finally:
        loop.call_soon_threadsafe(leave.set)
        ended.result()
