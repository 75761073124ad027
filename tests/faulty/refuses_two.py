"""An honest client that finds only at its broker that it cannot serve two producers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory
from bench.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class RefusesTwo(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    def __init__(self) -> None:
        super().__init__()
        self.producers = 0

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        self.producers += 1
        if self.producers > 1:
            raise UnsupportedError("this broker takes one producer")
        async with super().producer(target, queue) as honest:
            yield honest


CLIENT: Client = RefusesTwo()
