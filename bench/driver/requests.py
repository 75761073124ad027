"""Requests and their replies: producers that wait for an answer, and consumers that publish one.

A reply is the request's own body, so it carries the request's stamp: its key is what a correlation id is, and
the stream in it says whose reply queue it belongs in. Its latency is that of the round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import length_hint
from typing import TYPE_CHECKING, Any

from bench.driver.publishing import Producer, awaited
from bench.payload import SEQUENCE_BITS, STAMP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from bench.client import Form, Publish, Publishing, Receive

_KEY_BYTES = 8


def key_of(body: bytes) -> int:
    """The key in a stamp; of a body that has none, some number."""
    return int.from_bytes(body[:_KEY_BYTES], "little", signed=True)


def lanes(publishing: Publishing, count: int, form: Form) -> list[Publish]:
    """A Publish for each of so many lanes, whatever form a client's has."""
    if isinstance(publishing, Sequence):
        return list(publishing)
    return [awaited(publishing, form)] * count


class Caller(Producer):
    """A producer that waits for replies, by the keys of its requests."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def answered(self, receive: Receive) -> Receive:
        """``receive`` for this producer's replies, which lets go on who waits for one."""
        waiting = self._waiting.pop

        def received(body: bytes) -> Awaitable[None] | None:
            handling = receive(body)
            reply = waiting(key_of(body), None)
            if reply is not None and not reply.done():
                reply.set_result(None)
            return handling

        return received


class Requester(Caller):
    """A caller whose lanes each have one request under way, until it is confirmed and answered."""

    def __init__(self, publish: Publishing, *, in_flight: int, form: Form = "await", **named: Any) -> None:
        super().__init__(publish, in_flight=in_flight, form=form, **named)
        self._asking_lanes = lanes(publish, in_flight, form)
        self._prepared: list[range] = []

    def prepare(self, count: int) -> list[range]:
        self._waiting.clear()
        self._prepared = super().prepare(count)
        return self._prepared

    def asked(self) -> list[range]:
        """The keys of those prepared requests that were handed to the client."""
        return [
            wanted[: len(wanted) - length_hint(source)]
            for wanted, source in zip(self._prepared, self._sources, strict=True)
        ]

    async def ask(self) -> None:
        """Sends what was prepared; returns when the last of it is confirmed and answered."""
        sources = self._sources if len(self._sources) > 1 else self._sources * self._in_flight
        async with asyncio.TaskGroup() as group:
            for source, publish in zip(sources, self._asking_lanes, strict=True):
                group.create_task(self._asking(source, publish))

    async def _asking(self, source: Iterator[int], publish: Publish) -> None:
        clock, pack, tail, confirmed = self._clock, STAMP.pack, self._tail, self._waits_ns.append
        waiting, create_future = self._waiting, asyncio.get_running_loop().create_future
        for key in source:
            reply = waiting[key] = create_future()  # before the request: its reply may outrun its confirm
            sent_ns = clock()
            await publish(pack(key, sent_ns, key, sent_ns) + tail)
            confirmed(clock() - sent_ns)
            await reply
            self._last_ns = clock()


class Answering:
    """The consumers of a case, as those who answer; ``idle`` is set while no answer is under way,
    that is while ``answered`` is as many as ``taken``.

    ``streams`` is how many each producer has: that is how a stamp says whose request it is.
    """

    def __init__(self, *, streams: int) -> None:
        self._streams = streams
        self.taken = self.answered = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def answering(self, receive: Receive, replies: Sequence[Sequence[Publish]]) -> Receive:
        """``receive`` for one consumer's requests, acknowledged once the reply is confirmed.

        ``replies`` are its lanes to each producer's reply queue. A stamp that names no producer has nobody to
        be answered.
        """
        streams, whose = self._streams, [ReplyLanes(own) for own in replies]

        def received(body: bytes) -> Awaitable[None] | None:
            handling = receive(body)
            producer = (key_of(body) >> SEQUENCE_BITS) // streams
            if not 0 <= producer < len(whose):
                return handling
            self.taken += 1
            self.idle.clear()
            return self._answer(body, handling, whose[producer])

        return received

    async def _answer(self, body: bytes, handling: Awaitable[None] | None, replies: ReplyLanes) -> None:
        try:
            if handling is not None:
                await handling
            await replies.publish(body)
        finally:
            self.answered += 1
            if self.answered == self.taken:
                self.idle.set()


class ReplyLanes:
    """A publisher with as many lanes as may be used at once; who comes while all are busy waits for one."""

    def __init__(self, publishes: Sequence[Publish]) -> None:
        self._free = list(publishes)
        self._room = asyncio.Semaphore(len(publishes))

    async def publish(self, body: bytes) -> None:
        async with self._room:
            publish = self._free.pop()
            try:
                await publish(body)
            finally:
                self._free.append(publish)
