"""One case in one process: connect it, warm it up, run slices, drain, and account for every message."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.driver.consuming import Consuming
from bench.driver.copies import FanOutLedger
from bench.driver.depth import DepthGauge, Waiting
from bench.driver.publishing import Producer
from bench.driver.returning import Returning, ReturningLedger
from bench.driver.sample import Sample, Setup, latency_histogram
from bench.driver.sizing import PERIOD
from bench.driver.unwinding import LimitedExitStack
from bench.driver.watch import Watch
from bench.errors import DishonestError, StalledError, UnsupportedError
from bench.histogram import Histogram
from bench.payload import STAMP_BYTES, Account, Ledger
from bench.sockets import between

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from contextlib import AsyncExitStack

    from bench.client import Client, Publishing, Target
    from bench.driver.sizing import Sizes
    from bench.gauges import Gauges, Usage
    from bench.scenario import Scenario
    from bench.sockets import Traffic

CLOSE_LIMIT_S = 3.0
SLICE_S = 0.1
"""How long a slice should last; warm-up chunks are as long."""


class Driver:
    """Drives one client through one scenario, on the running loop.

    ``limit_s`` is how long publishing or delivery may stand still before that is a failure; ``sizes`` are
    those of the messages where the scenario has a mix of them; ``seed`` is that of what else is drawn.
    """

    PRODUCER: type[Producer] = Producer
    LEDGER: type[Ledger] = Ledger
    FAN_OUT: type[FanOutLedger] = FanOutLedger
    RETURNING: type[ReturningLedger] = ReturningLedger
    """The ledger where consumers return messages."""

    def __init__(
        self,
        client: Client,
        target: Target,
        scenario: Scenario,
        queues: Sequence[str],
        *,
        clock: Callable[[], int],
        gauges: Gauges,
        limit_s: float,
        sizes: Sizes | None = None,
        seed: int = 0,
    ) -> None:
        self._client = client
        self._target = target
        self._scenario = scenario
        self._queues = queues
        self._copies = scenario.consumers if scenario.fan_out else 1
        if scenario.fan_out:
            self._queues = [f"{queues[0]}-{index}" for index in range(scenario.consumers)]
        self._clock = clock
        self._gauges = gauges
        self._limit_s = limit_s
        self._depth: DepthGauge | None = None
        self._sizes = sizes
        self._seed = seed
        self._producers: list[Producer] = []
        every = scenario.requeue_every
        consuming = Consuming if every is None else partial(Returning, every=every)
        self._consuming = consuming(
            payload_bytes=scenario.payload_bytes,
            sizes=sizes,
            handler=scenario.handler,
            clock=clock,
            seed=seed,
        )
        self._receivers = [self._consuming.receiver() for _ in range(scenario.consumers)]
        stamped, ordered = scenario.payload_bytes >= STAMP_BYTES, not scenario.shared_partitions
        topics = scenario.topics or 1
        self._ledger = self.LEDGER(stamped=stamped, ordered=ordered, topics=topics)
        if scenario.fan_out:
            inboxes = self._consuming.inboxes
            self._ledger = self.FAN_OUT(stamped=stamped, ordered=ordered, topics=topics, inboxes=inboxes)
        if every is not None:
            self._ledger = self.RETURNING(stamped=stamped, ordered=ordered, topics=topics, every=every)
        self._stray = Account()
        self._came: list[int] = []
        self._began_ns = 0
        self._connections: dict[int, Traffic] | None = None
        self._traffic: Traffic | None = None
        self.first_message_s: float | None = None
        """From the first publish of the first stretch to the first receipt, by new connections."""
        self.watch = Watch()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Setup]:
        """Queues, producers and (end to end) consumers; all gone when the block is left."""
        self._refuse_what_the_client_cannot()
        async with LimitedExitStack(CLOSE_LIMIT_S) as stack:
            began = self._clock()
            await self._declare(stack)
            declared = self._clock()
            for index in range(self._scenario.producers):
                queue = self._queues[0 if self._scenario.fan_out else index % len(self._queues)]
                publish = await stack.enter_async_context(self._client.producer(self._target, queue))
                self._producers.append(self._producer(index, publish))
            connected = self._clock()
            await self._probe()
            probed = self._clock()
            if self._scenario.measure == "end-to-end":
                await self._join(stack)
            joined = self._clock()
            yield Setup(
                declare_s=(declared - began) / 1e9,
                connect_s=(connected - declared) / 1e9,
                join_s=(joined - probed) / 1e9,
            )

    async def _join(self, stack: AsyncExitStack) -> None:
        """Those who consume what is sent end to end."""
        await self._consume_all(stack)

    async def _declare(self, stack: AsyncExitStack) -> None:
        topology = self._client.topology(self._target, self._queues)
        depth = await stack.enter_async_context(topology)
        if depth is not None and self._target.consumed_is_gone:
            self._depth = DepthGauge(depth, self._clock)

    def _refuse_what_the_client_cannot(self) -> None:
        if (why := self._client.abilities.shortfall(self._scenario)) is not None:
            raise UnsupportedError(why)

    def _producer(self, index: int, publish: Publishing) -> Producer:
        lanes = self._scenario.in_flight
        own = self._client.abilities.ordering == "lane"
        sizes = self._sizes
        return self.PRODUCER(
            publish if sizes is None else sizes.publishing(publish, self._client.abilities.publishing),
            streams=range(index * lanes, (index + 1) * lanes) if own else [index],
            in_flight=lanes,
            payload_bytes=self._scenario.payload_bytes if sizes is None else STAMP_BYTES,
            clock=self._clock,
            form=self._client.abilities.publishing,
            period=1 if sizes is None else PERIOD,
        )

    @asynccontextmanager
    async def _consumers(self) -> AsyncIterator[None]:
        async with LimitedExitStack(CLOSE_LIMIT_S) as stack:
            await self._consume_all(stack)
            yield

    async def _consume_all(self, stack: AsyncExitStack) -> None:
        for index, receive in enumerate(self._receivers):
            queue = self._queues[index % len(self._queues)]
            await stack.enter_async_context(self._client.consumer(self._target, queue, receive))

    async def _probe(self) -> None:
        """Publishes a few messages that nobody consumes, asks the broker how many it has, takes them out.

        A client whose ``publish`` returns before the broker has the message is found out here: no count
        of delivered messages can tell it from an honest one.
        """
        if self._depth is None or not self._target.acknowledged:
            return
        count = self._scenario.in_flight * self._scenario.producers
        self._prepare(count)
        await self._moving(self._send(), "publishing")
        await self._check_depth(count)
        await self._drain()
        if not (account := self._ledger.close()).whole(count * self._copies):
            raise DishonestError(
                f"{account.describe(count * self._copies)} while the client was being connected"
            )

    async def _check_depth(self, confirmed: int) -> int | None:
        """How many messages the broker holds, all that were confirmed among them; None if unknown."""
        if self._depth is None or not self._target.acknowledged:
            return None
        held = await self._told()
        if held < confirmed * self._copies:
            raise DishonestError(
                f"{confirmed} publishes were reported as confirmed when the broker held only {held} of them"
            )
        return held

    async def warm_up(self) -> tuple[float, Account]:
        """Runs for the scenario's warm-up time; returns the rate of its last chunk and the account of all."""
        warmed = await self._warm_up()
        self._consuming.rewind()
        return warmed

    async def _warm_up(self) -> tuple[float, Account]:
        until_ns = self._clock() + round(self._scenario.warmup_s * 1e9)
        count = self.fewest
        total = Account()
        while True:
            sample = await self.slice(count)
            total += sample.account
            sent_per_s = sample.rate_per_s / self._copies
            if self._clock() >= until_ns or not sample.clean:
                return sent_per_s, total
            count = max(self.fewest, min(4 * count, round(sent_per_s * SLICE_S)))

    @property
    def fewest(self) -> int:
        """The fewest messages that fill every lane twice."""
        return 2 * self._scenario.producers * self._scenario.in_flight

    async def slice(self, count: int) -> Sample:
        """One turn of ``count`` messages; raises StalledError, DishonestError or what the client raised."""
        self._prepare(count)
        stretch = {
            "end-to-end": self._end_to_end,
            "publish": self._publish,
            "consume": self._consume,
        }[self._scenario.measure]
        return await stretch(count)

    async def _end_to_end(self, count: int) -> Sample:
        before = self._begin_timing()
        began_ns = self._clock()
        await self._moving(self._send(), "publishing")
        await self._arrival()
        usage = self._end_timing(before)
        ended_ns = self._consuming.last_ns or self._clock()
        if self._target.acknowledged:
            ended_ns = max(ended_ns, *(producer.last_ns for producer in self._producers))
        self._note_first(began_ns)
        await self._stragglers()
        return self._sample(count, ended_ns - began_ns, usage)

    async def _publish(self, count: int) -> Sample:
        before = self._begin_timing()
        began_ns = self._clock()
        await self._moving(self._send(), "publishing")
        usage = self._end_timing(before)
        ended_ns = max(producer.last_ns for producer in self._producers)
        held = await self._check_depth(count)
        if held is None:
            held = await self._glance()
        await self._drain()
        waiting = None if held is None else Waiting(most=held, end=held)
        return replace(self._sample(count, ended_ns - began_ns, usage), waiting=waiting)

    async def _consume(self, count: int) -> Sample:
        await self._moving(self._send(), "publishing")
        full = await self._glance()
        before = self._begin_timing()
        async with self._consumers():
            await self._arrival()
            usage = self._end_timing(before)
            ended_ns = self._consuming.last_ns or self._clock()
            elapsed_ns = ended_ns - (self._consuming.first_ns or ended_ns)
            left = None if full is None else await self._told()
            await self._stragglers()
        waiting = None if full is None or left is None else Waiting(most=max(full, left), end=left)
        # n messages are n - 1 gaps apart, from the first receipt to the last
        sample = self._sample(count, round(elapsed_ns * count / max(1, count - 1)), usage)
        return replace(sample, waiting=waiting)

    async def _drain(self) -> None:
        async with self._consumers():
            await self._arrival()
            await self._stragglers()

    def _prepare(self, count: int) -> None:
        producers = len(self._producers)
        ranges: list[range] = []
        for index, producer in enumerate(self._producers):
            ranges += producer.prepare(count // producers + (index < count % producers))
        self._begin_stretch(count)
        self._ledger.expect(ranges)

    def _begin_stretch(self, count: int) -> None:
        self._settle()  # what came since the last stretch is not part of this one
        self._stray = self._ledger.close()
        self._came = [inbox.came for inbox in self._consuming.inboxes]
        self._consuming.begin(count * self._copies)

    async def _send(self) -> None:
        async with asyncio.TaskGroup() as group:
            for producer in self._producers:
                group.create_task(producer.send())

    async def _arrival(self) -> None:
        """Returns when as many messages have been handled as were sent, or none came for ``limit_s``."""
        try:
            await self._moving(self._consuming.arrived.wait(), "delivery")
        except StalledError:
            if (held := await self._held()) is None:
                raise StalledError(
                    f"delivery stood still for {self._limit_s:g} s and the broker does not answer"
                ) from None
            if held:
                raise StalledError(
                    f"delivery stood still for {self._limit_s:g} s with {held} messages left in the broker"
                ) from None

    async def _held(self) -> int | None:
        """How many messages the broker says it holds; 0 where nobody can ask, None if it does not answer."""
        if self._depth is None:
            return 0
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._depth.ask()
        except TimeoutError:
            return None

    async def _told(self) -> int:
        """As ``_held``; a broker that does not answer is a StalledError."""
        if (held := await self._held()) is None:
            raise StalledError(
                f"the broker did not say within {self._limit_s:g} s how many messages it holds"
            )
        return held

    async def _glance(self) -> int | None:
        """For outside of timed stretches; None where nobody can say, or asking is too dear."""
        return await self._told() if self._depth is not None and self._depth.cheap else None

    async def _stragglers(self) -> None:
        """Settles; where the count was only reached by duplicates, waits for what is still missing."""
        self._settle()
        while self._ledger.missing and self._consuming.last_ns:
            self._consuming.begin(self._ledger.missing)
            await self._arrival()
            self._settle()

    async def _moving(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Awaits ``work`` as long as messages move; raises StalledError when they stop for ``limit_s``."""
        await self.watch.moving(
            work,
            limit_s=self._limit_s,
            progress=self._progress,
            standstill=lambda: self._standstill(what),
        )

    def _progress(self) -> int:
        return self._consuming.pending + sum(producer.confirmed for producer in self._producers)

    def _standstill(self, what: str) -> str:
        sent = sum(producer.sent for producer in self._producers)
        waiting = sent - sum(producer.confirmed for producer in self._producers)
        return f"{what} stood still for {self._limit_s:g} s with {waiting} of {sent} publishes unanswered"

    def _note_first(self, sent_ns: int) -> None:
        if self.first_message_s is None and (came_ns := self._consuming.first_ns):
            self.first_message_s = (came_ns - sent_ns) / 1e9

    def _settle(self) -> None:
        for inbox in self._consuming.inboxes:
            self._ledger.settle(inbox)

    def _begin_timing(self) -> Usage:
        del self._gauges.lag_ns[:]
        self._connections = self._seen_connections()
        self._gauges.start_lag()
        self._began_ns = self._clock()
        return self._gauges.usage()

    def _end_timing(self, before: Usage) -> Usage:
        usage = self._gauges.usage() - before
        self._gauges.stop_lag()
        self._traffic = between(self._connections, self._seen_connections())
        return usage

    def _seen_connections(self) -> dict[int, Traffic] | None:
        """None with churn: most of what went over the wire did so on connections that are gone again."""
        return None if self._scenario.churn else self._gauges.connections()

    def _sample(self, count: int, elapsed_ns: int, usage: Usage) -> Sample:
        latency, negative = latency_histogram(self._ledger.latencies_ns)
        confirm, lag = Histogram(), Histogram()
        if self._target.acknowledged:
            for producer in self._producers:
                confirm.add_all(producer.confirm_ns)
        lag.add_all(self._gauges.lag_ns)
        return Sample(
            messages=count * self._copies,
            sent=sum(producer.sent for producer in self._producers),
            confirmed=sum(p.confirmed for p in self._producers) if self._target.acknowledged else None,
            received_bytes=self._received_bytes(),
            account=self._ledger.close() + self._stray,
            elapsed_s=max(elapsed_ns, 1) / 1e9,
            usage=usage,
            traffic=self._traffic,
            latency=latency,
            confirm=confirm,
            lag=lag,
            negative_latencies=negative,
            produced_per_s=self._produced_per_s(),
            consumed=tuple(
                inbox.came - before for inbox, before in zip(self._consuming.inboxes, self._came, strict=True)
            ),
        )

    def _received_bytes(self) -> int | None:
        """Of the stretch that is being accounted for; None where every body has one size."""
        return None if self._sizes is None else self._sizes.bytes_of(self._ledger.received())

    def _produced_per_s(self) -> tuple[float, ...]:
        if self._scenario.measure == "consume" or self._scenario.paced:
            return ()  # not timed, or as fast as they were told to be
        return tuple(
            1e9 * producer.confirmed / max(1, producer.last_ns - self._began_ns)
            for producer in self._producers
        )
