"""A case of round trips: every message is a request, and its answer is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.driver import Driver
from bench.driver.consuming import Consuming
from bench.driver.depth import DepthGauge
from bench.driver.requests import Answering, Requester, lanes
from bench.driver.sample import latency_histogram
from bench.errors import StalledError
from bench.handler import Handler
from bench.payload import Account

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AsyncExitStack

    from bench.client import Publish
    from bench.driver.sample import Sample
    from bench.gauges import Usage


class RequestDriver(Driver):
    """As the driver, with a reply queue for each producer, on which it alone consumes.

    Each consumer has a publisher to each reply queue, as adapters bind a publisher to a queue. Requests are
    accounted for as messages are in any case, and replies by a ledger of their own.
    """

    PRODUCER = Requester
    _producers: list[Requester]  # type: ignore[assignment]  # as PRODUCER says

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        scenario = self._scenario
        self._reply_queues = [f"{self._queues[0]}-replies-{n}" for n in range(scenario.producers)]
        # Each reply queue is a topology of its own with one consumer, and needs no topics to be found by.
        self._reply_target = replace(self._target, consumers=1, topics=None)
        self._reply_depths: list[DepthGauge] = []
        self._replies = Consuming(
            payload_bytes=scenario.payload_bytes, sizes=self._sizes, handler=Handler(), clock=self._clock
        )
        # Several consumers, or handlers that sleep, answer in whatever order they get done.
        self._reply_ledger = self.LEDGER(stamped=True, ordered=False)
        self._stray_replies = Account()
        own = self._client.abilities.ordering == "lane"
        self._answering = Answering(streams=scenario.in_flight if own else 1)

    async def _declare(self, stack: AsyncExitStack) -> None:
        await super()._declare(stack)
        for queue in self._reply_queues:
            topology = self._client.topology(self._reply_target, [queue])
            depth = await stack.enter_async_context(topology)
            if depth is not None and self._target.consumed_is_gone:
                self._reply_depths.append(DepthGauge(depth, self._clock))

    async def _join(self, stack: AsyncExitStack) -> None:
        """Who waits for replies is there first, and those who answer leave first."""
        client, own = self._client, self._reply_target
        for producer, queue in zip(self._producers, self._reply_queues, strict=True):
            receive = producer.answered(self._replies.receiver())
            await stack.enter_async_context(client.consumer(own, queue, receive))
        for index, receive in enumerate(self._receivers):
            answering = self._answering.answering(receive, await self._publishers(stack))
            queue = self._queues[index % len(self._queues)]
            await stack.enter_async_context(client.consumer(self._target, queue, answering))

    async def _publishers(self, stack: AsyncExitStack) -> list[list[Publish]]:
        """One consumer's lanes to each reply queue."""
        form, count = self._client.abilities.publishing, self._scenario.in_flight
        made = []
        for queue in self._reply_queues:
            publishing = await stack.enter_async_context(self._client.producer(self._reply_target, queue))
            made.append(lanes(publishing, count, form))
        return made

    async def slice(self, count: int) -> Sample:
        """One turn of ``count`` round trips, or of those that were begun before one did not end."""
        self._prepare(count)
        before = self._begin_timing()
        began_ns = self._clock()
        await self._round_trips(self._ask())
        usage = self._end_timing(before)
        ended_ns = max(producer.last_ns for producer in self._producers) or self._clock()
        self._note_first(began_ns)
        return self._sample(await self._settled(), ended_ns - began_ns, usage)

    async def _settled(self) -> int:
        """Waits for answers that are under way, and books both ways; how many requests there were."""
        await self._moving(self._answering.idle.wait(), "answering")
        asked = self._asked()
        self._ledger.expect(asked)
        self._reply_ledger.expect(asked)
        self._settle()
        self._settle_replies()
        return sum(map(len, asked))

    def _asked(self) -> list[range]:
        """The keys of the requests of this stretch that were handed to the client."""
        return [wanted for producer in self._producers for wanted in producer.asked()]

    def _note_first(self, sent_ns: int) -> None:
        if self.first_message_s is None and (came_ns := self._replies.first_ns):
            self.first_message_s = (came_ns - sent_ns) / 1e9

    def _begin_stretch(self, count: int) -> None:
        super()._begin_stretch(count)
        self._settle_replies()  # what came since the last stretch is not part of this one
        self._stray_replies = self._reply_ledger.close()
        self._replies.begin(count)

    async def _round_trips(self, asking: Coroutine[Any, Any, None]) -> None:
        """Returns when all are done, or none was for ``limit_s`` though neither side owes anything."""
        try:
            await self._moving(asking, "publishing")
        except StalledError:
            if any(producer.sent > producer.confirmed for producer in self._producers):
                raise
            if held := await self._told():
                raise StalledError(
                    f"round trips stood still for {self._limit_s:g} s with {held} messages left in the broker"
                ) from None

    async def _ask(self) -> None:
        async with asyncio.TaskGroup() as group:
            for producer in self._producers:
                group.create_task(producer.ask())

    async def _held(self) -> int | None:
        """On the way there, and on the way back."""
        total = await super()._held()
        try:
            async with asyncio.timeout(self._limit_s):
                replies = [await depth.ask() for depth in self._reply_depths]
        except TimeoutError:
            return None
        return None if total is None else total + sum(replies)

    def _progress(self) -> int:
        return super()._progress() + self._replies.pending + self._answering.answered

    def _standstill(self, what: str) -> str:
        if what != "answering":
            return super()._standstill(what)
        left = self._answering.taken - self._answering.answered
        return f"answering stood still for {self._limit_s:g} s; requests that are not answered: {left}"

    def _settle_replies(self) -> None:
        for inbox in self._replies.inboxes:
            self._reply_ledger.settle(inbox)

    def _sample(self, count: int, elapsed_ns: int, usage: Usage) -> Sample:
        """Round trips are received replies; what went wrong is counted on both ways."""
        latency, negative = latency_histogram(self._reply_ledger.latencies_ns)
        requests = super()._sample(count, elapsed_ns, usage)
        replies = self._reply_ledger.close() + self._stray_replies
        return replace(
            requests,
            account=replies + replace(requests.account, received=0),
            latency=latency,
            negative_latencies=negative,
        )
