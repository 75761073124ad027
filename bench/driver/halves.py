"""Half a case in a worker of its own: a driver that only sends, and one that only receives.

Between them stands the parent (``bench.pairing``), which tells the receiver what the sender will send. Times
are absolute, of the one monotonic clock of the machine.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.driver import CLOSE_LIMIT_S, Driver
from bench.driver.sample import Setup, latency_histogram
from bench.driver.unwinding import LimitedExitStack
from bench.errors import WorkerFailedError
from bench.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack

    from bench.gauges import Usage

Answer = dict[str, Any]


class Sender(Driver):
    """The producers of a case; others consume what they send."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Setup]:
        """Producers alone: the queues are there already."""
        self._refuse_what_the_client_cannot()
        async with LimitedExitStack(CLOSE_LIMIT_S) as stack:
            began_ns = self._clock()
            for index in range(self._scenario.producers):
                queue = self._queues[index % len(self._queues)]
                publish = await stack.enter_async_context(self._client.producer(self._target, queue))
                self._producers.append(self._producer(index, publish))
            yield Setup(declare_s=0.0, connect_s=(self._clock() - began_ns) / 1e9, join_s=0.0)

    async def obey(self, command: Answer) -> Answer:
        match command["do"]:
            case "prepare":
                return {"ranges": self._set_out(command["messages"]), "fewest": self.fewest}
            case "send":
                return await self._sent()
            case unknown:
                raise WorkerFailedError(f"a sending worker does not know the command {unknown!r}")

    def _set_out(self, count: int) -> list[tuple[int, int]]:
        each, more = divmod(count, len(self._producers))
        return [
            (wanted.start, wanted.stop)
            for index, producer in enumerate(self._producers)
            for wanted in producer.prepare(each + (index < more))
        ]

    async def _sent(self) -> Answer:
        before = self._begin_timing()
        began_ns = self._clock()
        await self._moving(self._send(), "publishing")
        usage = self._end_timing(before)
        confirm, lag = Histogram(), Histogram()
        lag.add_all(self._gauges.lag_ns)
        confirmed = None
        if self._target.acknowledged:
            confirmed = sum(producer.confirmed for producer in self._producers)
            for producer in self._producers:
                confirm.add_all(producer.confirm_ns)
        return {
            "sent": sum(producer.sent for producer in self._producers),
            "confirmed": confirmed,
            "began_ns": began_ns,
            "last_ns": max(producer.last_ns for producer in self._producers),
            "confirm": confirm.to_pairs(),
            "lag": lag.to_pairs(),
            "usage": asdict(usage),
            "traffic": self._traffic and asdict(self._traffic),
        }


class Receiver(Driver):
    """The queues and the consumers of a case; others send what they receive."""

    _stack: AsyncExitStack
    _before: Usage

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Setup]:
        """The queues; consumers once they are told to join."""
        self._refuse_what_the_client_cannot()
        async with LimitedExitStack(CLOSE_LIMIT_S) as self._stack:
            began_ns = self._clock()
            await self._declare(self._stack)
            yield Setup(declare_s=(self._clock() - began_ns) / 1e9, connect_s=0.0, join_s=0.0)

    async def obey(self, command: Answer) -> Answer:  # noqa: PLR0911  # one for each command
        match command["do"]:
            case "asks-depth":
                return {"asks_depth": self._depth is not None}
            case "expect":
                return self._expect([range(*ends) for ends in command["ranges"]])
            case "check":
                await self._check_depth(command["confirmed"])
                return {"checked": True}
            case "drain":
                await self._drain()
                return {"account": asdict(self._ledger.close())}
            case "join":
                began_ns = self._clock()
                await self._join(self._stack)
                return {"join_s": (self._clock() - began_ns) / 1e9}
            case "rewind":
                self._consuming.rewind()
                return {"rewound": True}
            case "arrive":
                return await self._arrived()
            case unknown:
                raise WorkerFailedError(f"a receiving worker does not know the command {unknown!r}")

    def _expect(self, ranges: list[range]) -> Answer:
        self._settle()  # what came since the last stretch is not part of this one
        self._stray = self._ledger.close()
        self._ledger.expect(ranges)
        self._consuming.begin(sum(map(len, ranges)))
        del self._gauges.lag_ns[:]
        self._connections = self._seen_connections()
        self._before = self._gauges.usage()
        return {"expected": sum(map(len, ranges))}

    async def _arrived(self) -> Answer:
        self._gauges.start_lag()
        await self._arrival()
        usage = self._end_timing(self._before)
        last_ns = self._consuming.last_ns or self._clock()
        await self._stragglers()
        latency, negative = latency_histogram(self._ledger.latencies_ns)
        lag = Histogram()
        lag.add_all(self._gauges.lag_ns)
        return {
            "received_bytes": self._received_bytes(),
            "account": asdict(self._ledger.close() + self._stray),
            "last_ns": last_ns,
            "latency": latency.to_pairs(),
            "lag": lag.to_pairs(),
            "negative_latencies": negative,
            "usage": asdict(usage),
            "traffic": self._traffic and asdict(self._traffic),
        }
