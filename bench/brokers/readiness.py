"""Waits until a broker that was just started lets somebody log in, or has died trying."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.brokers.handshake import log_in
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.brokers.address import Address
    from bench.brokers.handshake import Server

PAUSE_S = 0.1
TRY_LIMIT_S = 5.0  # whoever took the port instead of ours may never answer


async def until_ready(address: Address, last_words: Callable[[], str | None], limit_s: float) -> Server:
    """Tries until a log-in succeeds; raises BrokerError with the last words or, at the limit, the refusal."""
    deadline = time.monotonic() + limit_s
    while True:
        if (words := last_words()) is not None:
            raise BrokerError(words)
        try:
            return await log_in(address, limit_s=TRY_LIMIT_S)
        except BrokerError as error:
            if time.monotonic() >= deadline:
                raise BrokerError(f"it let nobody log in within {limit_s:g} s: {error}") from error
        await asyncio.sleep(PAUSE_S)
