"""Closing has a limit, keeps the error that was on its way, and hears a cancellation from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.driver.unwinding import LimitedExitStack
from bench.errors import StalledError


@asynccontextmanager
async def slow(left: list[str], name: str, *, stubborn: int = 0) -> AsyncIterator[None]:
    """Waits for ever when it is left; takes the first cancellations for a reason to wait again."""
    try:
        yield
    finally:
        for _ in range(stubborn):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                left.append(f"{name} insists")
        try:
            await asyncio.Event().wait()
        finally:
            left.append(name)


async def test_every_context_is_left_though_each_hangs() -> None:
    left: list[str] = []
    with pytest.raises(StalledError, match=r"closing took more than 0\.05 s"):
        async with LimitedExitStack(0.05) as stack:
            await stack.enter_async_context(slow(left, "first"))
            await stack.enter_async_context(slow(left, "second"))
    assert left == ["second", "first"]


async def test_each_context_has_the_whole_limit_as_long_as_none_overran() -> None:
    @asynccontextmanager
    async def unhurried() -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0.1)

    async with LimitedExitStack(0.25) as stack:
        for _ in range(4):
            await stack.enter_async_context(unhurried())


async def test_after_one_that_hangs_nobody_is_waited_for() -> None:
    left: list[str] = []
    loop = asyncio.get_running_loop()
    with pytest.raises(StalledError):
        async with LimitedExitStack(0.2) as stack:
            for number in range(20):
                await stack.enter_async_context(slow(left, str(number)))
            began_s = loop.time()
    assert len(left) == 20
    assert loop.time() - began_s < 20 * 0.2 / 2


async def test_a_client_that_swallows_a_cancellation_is_cancelled_again() -> None:
    left: list[str] = []
    with pytest.raises(StalledError):
        async with LimitedExitStack(0.05) as stack:
            await stack.enter_async_context(slow(left, "it", stubborn=2))
    assert left == ["it insists", "it insists", "it"]


async def test_the_error_on_its_way_out_stays_that_error() -> None:
    with pytest.raises(ZeroDivisionError):
        async with LimitedExitStack(0.05) as stack:
            await stack.enter_async_context(slow([], "it"))
            raise ZeroDivisionError


async def test_a_cancellation_from_outside_is_not_swallowed() -> None:
    async def work() -> None:
        async with LimitedExitStack(30) as stack:
            await stack.enter_async_context(slow([], "it"))

    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stack_that_closes_in_time_raises_nothing_and_cancels_nobody() -> None:
    async with LimitedExitStack(30) as stack:
        await stack.enter_async_context(asyncio.timeout(30))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
