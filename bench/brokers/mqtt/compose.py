"""mosquitto as a service of docker-compose.yml: a project of its own, on a loopback port that is free."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench.brokers.compose import READY_LIMIT_S, USER, ComposeService, composed
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.readiness import until_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Found, Say

CONTAINER_PORT = 1883


@dataclass(frozen=True, slots=True)
class ComposedMosquitto:
    kind: str = "mosquitto"
    protocol: str = "mqtt"
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    def find(self) -> Found:
        return ComposeService(kind=self.kind, protocol=self.protocol, container_port=CONTAINER_PORT).find()

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with composed(self.kind, CONTAINER_PORT, say) as (port, password):
            address = MqttAddress(tls=False, host=LOOPBACK, port=port, user=USER, password=password)
            greeting = await until_ready(partial(log_in, address), lambda: None, READY_LIMIT_S)
            yield Broker(
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=greeting.version,
                most_cores=1.0,  # one thread
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )
