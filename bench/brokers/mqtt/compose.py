"""mosquitto as a service of docker-compose.yml: a project of its own, on a loopback port that is free."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers.compose import (
    PORT_LIMIT_S,
    READY_LIMIT_S,
    UP_LIMIT_S,
    USER,
    ComposeService,
    Project,
    image_of,
)
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import until_ready
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.supervised import supervised
from bench.errors import BrokerError

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
        password = secrets.token_urlsafe(24)
        project = Project.fresh(password)
        say(f"starting {image_of(self.kind)} with docker compose; the first time its image is downloaded")
        # Runs nothing but the promise to take everything down, which is kept even if we are killed.
        async with supervised("docker", closing=[project.command("down", "--volumes", "--timeout", "2")]):
            await project.run("up", "--detach", "--wait", self.kind, limit_s=UP_LIMIT_S)
            published = await project.run("port", self.kind, str(CONTAINER_PORT), limit_s=PORT_LIMIT_S)
            port = _port(published[-1] if published else "")
            address = MqttAddress(tls=False, host=LOOPBACK, port=port, user=USER, password=password)
            greeting = await until_ready(address, lambda: None, READY_LIMIT_S)
            yield Broker(
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=greeting.version,
                most_cores=1.0,  # one thread
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )


def _port(line: str) -> int:
    """From a line such as ``127.0.0.1:49153``."""
    port = line.rpartition(":")[2]
    if not port.isdecimal():
        raise BrokerError(f"docker compose port named no port, but: {line or 'nothing'}")
    return int(port)
