"""A client with a wire changed: its producers or consumers take another way, or its handlers misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from bench.client import Abilities, Client, Depth, Publishing, Receive, Target

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
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Any]:
        async with self.client.producer(_by(self.producer_url, target), queue) as publish:
            calls = count(1)
            if isinstance(publish, Sequence):
                yield [_told(each, self.on_publish, calls) for each in publish]
            else:
                yield _told(publish, self.on_publish, calls)

    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        told = _told(receive, self.on_receive, count(1))
        return self.client.consumer(_by(self.consumer_url, target), queue, told)


def _by(url: str, target: Target) -> Target:
    return replace(target, url=url) if url else target


def _told(call: Publishing | Receive, spy: Spy | None, calls: Iterator[int]) -> Any:
    if spy is None:
        return call

    def told(*message: Any) -> Any:
        instead = spy(next(calls))
        return call(*message) if instead is None else instead  # type: ignore[operator]  # lanes are told one by one

    return told
