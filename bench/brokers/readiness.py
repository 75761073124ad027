"""Waits until a broker that was just started is ready, or has died trying."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Found = TypeVar("Found")

PAUSE_S = 0.05


async def until_ready(
    look: Callable[[], Awaitable[Found]],
    last_words: Callable[[], str | None],
    limit_s: float,
    *,
    lacking: str = "it let nobody log in",
) -> Found:
    """Looks until that raises no BrokerError; raises one with the last words or, at the limit, the refusal.

    ``look`` needs a limit of its own: whoever took the port instead of ours may never answer.
    """
    deadline = time.monotonic() + limit_s
    while True:
        if (words := last_words()) is not None:
            raise BrokerError(words)
        try:
            return await look()
        except BrokerError as error:
            if time.monotonic() >= deadline:
                raise BrokerError(f"{lacking} within {limit_s:g} s: {error}") from error
        await asyncio.sleep(PAUSE_S)
