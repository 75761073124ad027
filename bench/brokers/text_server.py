"""A server of a text protocol as a source of brokers: a private one, or the service of the Compose file."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench.brokers.compose import READY_LIMIT_S, ComposeService, composed
from bench.brokers.executables import inside, installed
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.private import private
from bench.brokers.readiness import until_ready
from bench.brokers.source import Found
from bench.brokers.textual import TextAddress
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.executables import Executable
    from bench.brokers.private import Recipe
    from bench.brokers.source import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is the same wherever it runs; ``programs`` are what it may be called, the first in a wheel too."""

    kind: str
    protocol: str
    recipe: Recipe
    programs: tuple[str, ...]
    oldest: tuple[int, ...]
    nodes: int | None = None
    most_cores: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateServer:
    """``distribution`` is the wheel that it comes in, or "" for what this machine has."""

    server: Server
    origin: str
    mend: str
    distribution: str = ""

    @property
    def kind(self) -> str:
        return self.server.kind

    @property
    def protocol(self) -> str:
        return self.server.protocol

    def program(self) -> Executable:
        if self.distribution:
            return inside(self.distribution, self.server.programs[0], oldest=self.server.oldest)
        return installed(*self.server.programs, oldest=self.server.oldest)

    def find(self) -> Found:
        """A program that is not the first of its names is said by name: ``valkey 8.1``."""
        try:
            program = self.program()
        except BrokerError as error:
            return Found(available=False, detail=str(error))
        usual = program.name == self.server.programs[0]
        name = "" if usual else f"{program.name.removesuffix('-server')} "
        return Found(available=True, detail=f"{name}{program.version}")

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with private(self.server.recipe, self.program(), say) as (address, said, held):
            yield Broker(
                nodes=self.server.nodes,
                most_cores=self.server.most_cores,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                pids=held.pids,
                url=address.url,
                watch=held.last_words,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedServer:
    server: Server
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    @property
    def kind(self) -> str:
        return self.server.kind

    @property
    def protocol(self) -> str:
        return self.server.protocol

    def find(self) -> Found:
        port = self.server.recipe.protocol.port
        return ComposeService(kind=self.kind, protocol=self.protocol, container_port=port).find()

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        recipe = self.server.recipe
        async with composed(self.kind, recipe.protocol.port, say) as (port, password):
            address = TextAddress(
                protocol=recipe.protocol, host=LOOPBACK, port=port, user=recipe.user, password=password
            )
            said = await until_ready(
                partial(recipe.version, address, READY_LIMIT_S), lambda: None, READY_LIMIT_S
            )
            yield Broker(
                nodes=self.server.nodes,
                most_cores=self.server.most_cores,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=said,
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )
