"""No broker at all: queues in this process's memory. The harness's own ceiling, and the tests' double.

``publish`` returns once the queue has taken the body, and waits while the queue is full. A full queue holds
as many messages as the scenario lets a consumer hold unacknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.client import Client, Depth, Judge, Publish, Receive, Target


class Queue:
    """A bounded queue that both sides can wait for, once for many messages."""

    def __init__(self) -> None:
        self.ready: deque[bytes] = deque()
        self.returned: deque[bytes] = deque()
        self.consumers = 0
        self.filled = asyncio.Event()
        self.emptied = asyncio.Event()


class Memory:
    abilities = Abilities(distribution="", protocol="memory", fan_out=True, requeues=True, tls="own")

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}

    @asynccontextmanager
    async def topology(self, _: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        for name in queues:
            self.queues[name] = Queue()

        async def depth() -> int:
            return sum(len(self.queues[name].ready) for name in queues)

        try:
            yield depth
        finally:
            for name in queues:
                del self.queues[name]

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        if target.fan_out:
            yield self.to_all(target)
            return
        place = self.queues[queue]
        ready, filled, emptied, limit = place.ready, place.filled, place.emptied, target.prefetch

        async def publish(body: bytes) -> None:
            ready.append(body)
            if len(ready) >= limit and place.consumers:
                filled.set()
                emptied.clear()
                await emptied.wait()
            elif len(ready) == 1:
                filled.set()

        yield publish

    def to_all(self, target: Target) -> Publish:
        """Publishes to every queue, and waits for each that is full."""
        places, limit = list(self.queues.values()), target.prefetch

        async def publish(body: bytes) -> None:
            for place in places:
                place.ready.append(body)
                if len(place.ready) >= limit and place.consumers:
                    place.filled.set()
                    place.emptied.clear()
                elif len(place.ready) == 1:
                    place.filled.set()
            for place in places:
                if len(place.ready) >= limit and place.consumers:
                    await place.emptied.wait()

        return publish

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        place = self.queues[queue]
        place.consumers += 1
        async with asyncio.TaskGroup() as group:
            deliver = self.deliver_again if target.requeues else self.deliver
            delivering = group.create_task(deliver(place, receive))
            try:
                yield
            finally:
                place.consumers -= 1
                delivering.cancel()

    async def deliver(self, place: Queue, receive: Receive) -> None:
        ready, take = place.ready, place.ready.popleft
        while True:
            while ready:
                handling = receive(take())
                if handling is not None:
                    await handling
            place.emptied.set()
            place.filled.clear()
            await place.filled.wait()

    async def deliver_again(self, place: Queue, receive: Receive) -> None:
        """What a consumer returns comes again before what has not come yet."""
        judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says
        ready, returned = place.ready, place.returned
        while True:
            while ready or returned:
                redelivered = bool(returned)
                body = (returned or ready).popleft()
                if judge(body, redelivered):
                    returned.append(body)
            place.emptied.set()
            place.filled.clear()
            await place.filled.wait()


CLIENT: Client = Memory()
