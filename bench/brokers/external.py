"""A broker that somebody else runs: looked at before anything is measured, and left as it was."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.brokers.address import Address
from bench.brokers.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say
    from bench.client import Tls


@asynccontextmanager
async def external_amqp(url: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """Raises UsageError for a URL that is none, BrokerError where nobody can log in."""
    address = Address.parse(url)
    say(f"logging in at {address.shown}")
    server = await log_in(address, tls)
    yield Broker(
        kind=re.sub(r"[^a-z0-9]+", "-", server.product.lower()).strip("-") or "unknown",
        origin="external",
        protocol="amqp",
        version=server.version,
        url=address.url,
        watch=lambda: refusal(address.host, address.port),
    )
