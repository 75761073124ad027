"""A client with a wire changed: its producers or consumers take another way, or its handlers misbehave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench.client import Abilities, Client, Depth, Publish, Receive, Send, Target

Spy = Callable[[int], Awaitable[None] | None]
"""Told of the n-th call, from 1, before it is made. What it raises, the caller raises; what it returns,
unless None, is returned in place of the call."""


@dataclass(frozen=True, kw_only=True)
class Rewired:
    """``client``, except for the URLs given here, and for ``on_publish`` and ``on_receive`` being told."""

    client: Client
    producer_url: str = ""
    consumer_url: str = ""
    on_publish: Spy | None = None
    on_receive: Spy | None = None

    @property
    def abilities(self) -> Abilities:
        return self.client.abilities

    def topology(self, target: Target, queues: Sequence[str]) -> AbstractAsyncContextManager[Depth | None]:
        return self.client.topology(target, queues)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> Any:
        async with self.client.producer(_by(self.producer_url, target), queue) as publish:
            yield _told(publish, self.on_publish)

    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        return self.client.consumer(_by(self.consumer_url, target), queue, _told(receive, self.on_receive))


def _by(url: str, target: Target) -> Target:
    return replace(target, url=url) if url else target


def _told(call: Publish | Send | Receive, spy: Spy | None) -> Any:
    if spy is None:
        return call
    count = 0

    def told(body: bytes) -> Awaitable[Any] | None:
        nonlocal count
        count += 1
        instead = spy(count)
        return call(body) if instead is None else instead

    return told
