"""Apache Kafka as a service of docker-compose.yml.

A broker tells its clients where to go on to, so its port on loopback must be known before it starts: other
than for the other services, it is not Docker that chooses it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.brokers.compose import READY_LIMIT_S, UP_LIMIT_S, ComposeService, Project, image_of
from bench.brokers.kafka.address import DEFAULT_PORT, KafkaAddress, Server
from bench.brokers.kafka.metadata import until_ready
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, free_ports, refusal
from bench.brokers.supervised import supervised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Found, Say


@dataclass(frozen=True, slots=True)
class ComposedKafka:
    kind: str = "kafka"
    protocol: str = "kafka"
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    def find(self) -> Found:
        return ComposeService(kind=self.kind, protocol=self.protocol, container_port=DEFAULT_PORT).find()

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        (port,) = free_ports(1)
        fresh = Project.fresh(password="")
        project = replace(fresh, env={**fresh.env, "MQBENCH_BROKER_PORT": str(port)})
        image = image_of(self.kind)
        say(f"starting {image} with docker compose; the first time its image is downloaded")
        # Runs nothing but the promise to take everything down, which is kept even if we are killed.
        async with supervised("docker", closing=[project.command("down", "--volumes", "--timeout", "2")]):
            await project.run("up", "--detach", "--wait", self.kind, limit_s=UP_LIMIT_S)
            address = KafkaAddress((Server(host=LOOPBACK, port=port),))
            await until_ready(address, lambda: None, READY_LIMIT_S)
            yield Broker(
                nodes=1,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=image.rpartition(":")[2],
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )
