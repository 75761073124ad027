"""An MQTT broker that somebody else runs: looked at before anything is measured, and left as it was."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say
    from bench.client import Tls


@asynccontextmanager
async def external_mqtt(url: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """Raises UsageError for a URL that is none, BrokerError where nobody can log in."""
    asked = MqttAddress.parse(url)
    say(f"logging in at {asked.shown}")
    greeting = await log_in(asked, tls)
    yield Broker(
        kind=re.sub(r"[^a-z0-9]+", "-", greeting.kind).strip("-") or "mqtt",
        origin="external",
        protocol="mqtt",
        version=greeting.version,
        url=greeting.address.url,
        watch=lambda: refusal(asked.host, asked.port),
    )
