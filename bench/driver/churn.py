"""Connections that last for one message: a client around a client, whose producers connect anew each time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.driver.publishing import awaited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from bench.client import Abilities, Client, Depth, Publish, Receive, Target


class Reconnecting:
    """Its ``publish`` connects a producer, publishes, and closes it again before it returns.

    Messages of one lane follow each other; those of several lanes go over connections that know nothing of
    each other.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.abilities: Abilities = replace(client.abilities, ordering="lane", publishing="await")

    def topology(self, target: Target, queues: Sequence[str]) -> AbstractAsyncContextManager[Depth | None]:
        return self._client.topology(target, queues)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        one, client = replace(target, in_flight=1), self._client
        form = client.abilities.publishing

        async def publish(body: bytes) -> None:
            async with client.producer(one, queue) as publishing:
                await awaited(publishing, form)(body)

        yield publish

    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        return self._client.consumer(target, queue, receive)
