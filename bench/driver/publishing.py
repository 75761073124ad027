"""The sending half of a case: producers, each with its lanes, and what they sent and had confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from operator import length_hint
from typing import TYPE_CHECKING, cast

from bench.payload import STAMP, STAMP_BYTES, filler, keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench.client import Form, Post, Publish, Publishing, Send


def awaited(publishing: Publishing, form: Form) -> Publish:
    """The form of a client's publish that is awaited, from whichever it has; of lanes, the first one's."""
    if isinstance(publishing, Sequence):
        return publishing[0]
    match form:
        case "await":
            return cast("Publish", publishing)
        case "future":
            send = cast("Send", publishing)

            async def sent(body: bytes) -> None:
                await (await send(body))

            return sent
        case "callback":
            post, loop = cast("Post", publishing), asyncio.get_running_loop()

            def posted(body: bytes) -> Awaitable[None]:
                future: asyncio.Future[None] = loop.create_future()
                post(body, partial(_settle, future))
                return future

            return posted


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class Producer:
    """Keeps ``in_flight`` publishes outstanding until its share of a stretch is sent.

    It owns one stream where the client keeps a producer's order, else one stream for each lane. Every stretch
    begins at a sequence number that is a multiple of ``period``.
    """

    def __init__(
        self,
        publish: Publishing,
        *,
        streams: Sequence[int],
        in_flight: int,
        payload_bytes: int,
        clock: Callable[[], int],
        form: Form = "await",
        period: int = 1,
    ) -> None:
        self._lanes = publish if isinstance(publish, Sequence) else [publish] * in_flight
        self._form = form
        self._streams = streams
        self._in_flight = in_flight
        self._tail = filler(payload_bytes)
        self._stamped = payload_bytes >= STAMP_BYTES
        self._clock = clock
        self._period = period
        self._next = dict.fromkeys(streams, 0)
        self._sources: list[Iterator[int]] = []
        self._count = 0
        self._times_ns: list[list[int]] = []
        self._waits_ns: list[int] = []
        self._last_ns = 0

    def prepare(self, count: int) -> list[range]:
        """Sets out the next ``count`` messages; returns the keys that a ledger should expect."""
        lanes = len(self._streams)
        ranges = []
        for index, stream in enumerate(self._streams):
            share = count // lanes + (index < count % lanes)
            first = -(-self._next[stream] // self._period) * self._period
            ranges.append(keys(stream, first, share))
            self._next[stream] = first + share
        self._sources = [iter(wanted) for wanted in ranges]
        self._count = count
        self._times_ns.clear()
        self._waits_ns.clear()
        self._last_ns = 0
        return ranges

    @property
    def sent(self) -> int:
        """How many messages of the prepared ones were handed to the client."""
        return self._count - sum(length_hint(source) for source in self._sources)

    @property
    def confirmed(self) -> int:
        """How many publishes have returned."""
        return sum(len(times) - 1 for times in self._times_ns) + len(self._waits_ns)

    @property
    def confirm_ns(self) -> list[int]:
        """How long each publish that has returned took."""
        waits = [end - start for times in self._times_ns for start, end in pairwise(times)]
        return waits + self._waits_ns

    @property
    def last_ns(self) -> int:
        """When the last publish returned; 0 before anything is sent."""
        return max((times[-1] for times in self._times_ns), default=self._last_ns)

    async def send(self) -> None:
        """Sends what was prepared; returns when the last publish has."""
        if self._form != "await":
            await (self._window() if self._form == "future" else self._posting())
            return
        lane = self._stamped_lane if self._stamped else self._bare_lane
        sources = self._sources if len(self._sources) > 1 else self._sources * self._in_flight
        async with asyncio.TaskGroup() as group:
            for source, publish in zip(sources, self._lanes, strict=True):
                group.create_task(lane(source, cast("Publish", publish)))

    async def _stamped_lane(self, source: Iterator[int], publish: Publish) -> None:
        """The hot path. One reading of the clock a message: a confirm is the next message's send time."""
        clock, pack, tail = self._clock, STAMP.pack, self._tail
        done = self._lane_times().append
        done(sent_ns := clock())
        for key in source:
            await publish(pack(key, sent_ns, key, sent_ns) + tail)
            done(sent_ns := clock())

    async def _bare_lane(self, source: Iterator[int], publish: Publish) -> None:
        clock, body, done = self._clock, self._tail, self._lane_times().append
        done(clock())
        for _ in source:
            await publish(body)
            done(clock())

    def _lane_times(self) -> list[int]:
        """For one lane: when it began, then when each of its publishes returned."""
        times: list[int] = []
        self._times_ns.append(times)
        return times

    async def _window(self) -> None:
        """One task that sends into a window of futures; a done future makes room for the next message."""
        send: Send = self._lanes[0]  # type: ignore[assignment]  # what the form says
        clock, pack, tail, confirmed = self._clock, STAMP.pack, self._tail, self._waits_ns.append
        stamped, in_flight = self._stamped, self._in_flight
        room, outstanding = asyncio.Event(), 0
        failed: list[BaseException] = []

        def done(sent_ns: int, future: asyncio.Future[object]) -> None:
            nonlocal outstanding
            self._last_ns = clock()
            outstanding -= 1
            if (error := future.exception()) is None:
                confirmed(self._last_ns - sent_ns)
            else:
                failed.append(error)
            room.set()

        for source in self._sources:
            for key in source:
                now_ns = clock()
                future = await send(pack(key, now_ns, key, now_ns) + tail if stamped else tail)
                outstanding += 1
                asyncio.ensure_future(future).add_done_callback(partial(done, now_ns))
                while outstanding >= in_flight and not failed:
                    room.clear()
                    await room.wait()
                if failed:
                    raise failed[0]
        while outstanding and not failed:
            room.clear()
            await room.wait()
        if failed:
            raise failed[0]

    async def _posting(self) -> None:
        """No task and no future for a message: each confirm sends the next, from within its callback."""
        post: Post = self._lanes[0]  # type: ignore[assignment]  # what the form says
        clock, pack, tail, waited = self._clock, STAMP.pack, self._tail, self._waits_ns.append
        stamped, (source,) = self._stamped, self._sources
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outstanding = self._in_flight

        def confirmed(sent_ns: int, error: BaseException | None) -> None:
            if error is None:
                waited((now_ns := clock()) - sent_ns)
                following(now_ns)
            else:
                _settle(over, error)

        def following(now_ns: int) -> None:
            nonlocal outstanding
            if over.done():  # it failed, or was given up
                return
            try:
                for key in source:
                    body = pack(key, now_ns, key, now_ns) + tail if stamped else tail
                    post(body, partial(confirmed, now_ns))
                    return
            except Exception as error:  # noqa: BLE001  # who waits is told, not the library that called back
                _settle(over, error)
                return
            outstanding -= 1
            if not outstanding:
                self._last_ns = now_ns
                over.set_result(None)

        for _ in range(self._in_flight):
            following(clock())
        await over
