"""A Kafka cluster that somebody else runs: looked at before anything is measured, and left as it was."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.brokers.kafka.address import KafkaAddress
from bench.brokers.kafka.metadata import look
from bench.brokers.origin import Broker
from bench.brokers.ports import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say
    from bench.client import Tls


@asynccontextmanager
async def external_kafka(url: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """Raises UsageError for a URL that is none, BrokerError where no cluster can be used."""
    address = KafkaAddress.parse(url)
    say(f"asking {address.url} for its brokers")
    await look(address, tls)
    first = address.servers[0]
    yield Broker(
        kind="kafka",
        origin="external",
        protocol="kafka",
        version="unknown version",  # the protocol has no word for it
        url=address.url,
        watch=lambda: refusal(first.host, first.port),
    )
