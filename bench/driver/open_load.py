"""The messages of a load that is not closed: sent when they are due, and read again with how late they were.

Their stamp carries the time at which a message was due where that of a closed load has the time at which it
was sent. The second copy of key and time is combined (exclusive or) with how late the message was handed to
the client. A change of either copy shows as before, and without lateness the stamp is that of a closed load.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

from bench.driver.copies import FanOutLedger
from bench.driver.publishing import Producer, awaited
from bench.driver.returning import ReturningLedger, chosen
from bench.payload import STAMP, Ledger, keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.client import Publish, Send
    from bench.payload import Inbox


Turn = Callable[[], Awaitable[int | None]]
"""Returns when a lane may send a message, with the time at which it was due; None if there is none left."""


class PacedProducer(Producer):
    """Can also play: its lanes wait for their turns, and the first that is free sends the next message.

    Which lane sent how many shows only afterwards, where each has a stream of its own: see ``played``.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._handed: int | None = None
        self._counters: list[Iterator[int]] = []

    def prepare(self, count: int) -> list[range]:
        self._handed = None
        return super().prepare(count)

    @property
    def sent(self) -> int:
        return super().sent if self._handed is None else self._handed

    async def play(self, turn: Turn) -> None:
        """Sends a message for each turn that it gets; returns when the last publish has."""
        self.prepare(0)
        self._handed = 0
        self._counters = [count(keys(stream, self._next[stream], 1).start) for stream in self._streams]
        counters = self._counters if len(self._counters) > 1 else self._counters * self._in_flight
        lanes: Sequence[Any] = self._lanes
        if self._form == "future":
            lanes = [_published(lanes[0])] * self._in_flight
        elif self._form == "callback":
            lanes = [awaited(lanes[0], self._form)] * self._in_flight
        async with asyncio.TaskGroup() as group:
            for counter, publish in zip(counters, lanes, strict=True):
                group.create_task(self._paced_lane(turn, counter, publish))

    def played(self) -> list[range]:
        """The keys that were sent, a range for each stream; to be asked for once, when all are."""
        ranges = []
        for stream, counter in zip(self._streams, self._counters, strict=True):
            first = self._next[stream]
            base = keys(stream, 0, 1).start
            self._next[stream] = next(counter) - base
            ranges.append(range(base + first, base + self._next[stream]))
        return ranges

    def _stamped_late(self, key: int, due_ns: int) -> tuple[int, bytes]:
        """The time now, and the stamp of a message that is sent now."""
        now_ns = self._clock()
        late_ns = now_ns - due_ns
        self._handed = (self._handed or 0) + 1
        return now_ns, STAMP.pack(key, due_ns, key ^ late_ns, due_ns ^ late_ns)

    async def _paced_lane(self, turn: Turn, counter: Iterator[int], publish: Publish) -> None:
        clock, stamped, tail, confirmed = self._clock, self._stamped_late, self._tail, self._waits_ns.append
        while (due_ns := await turn()) is not None:
            sent_ns, stamp = stamped(next(counter), due_ns)
            await publish(stamp + tail)
            self._last_ns = clock()
            confirmed(self._last_ns - sent_ns)


def _published(send: Send) -> Publish:
    """The one form of a client's publish from the other, in the order of the calls."""
    order = asyncio.Lock()

    async def publish(body: bytes) -> None:
        async with order:
            future = await send(body)
        await future

    return publish


class OpenLedger(Ledger):
    """Books latencies from the time at which a message was due, and beside them those from its sending."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.uncorrected_ns: array[int] = array("q")
        self.keeps_times = False
        self.due_ns: array[int] = array("q")
        """If so: of each message in ``uncorrected_ns``, when it was due; in ``received_ns`` when it came."""
        self.received_ns: array[int] = array("q")

    def expect(self, ranges: Iterable[range]) -> None:
        super().expect(ranges)
        for times in (self.uncorrected_ns, self.due_ns, self.received_ns):
            del times[:]

    def settle(self, inbox: Inbox) -> None:
        """As the ledger's, with stamps as a closed load has them; those that do not hold together stay."""
        inbox.check()
        plain = bytearray()
        stamps, last = STAMP.iter_unpack(inbox.stamps), self._last(inbox)
        for stamp, received_ns, kept in zip(stamps, inbox.received_ns, last, strict=True):
            key, due_ns, key_late, due_late = stamp
            late_ns = key ^ key_late
            if late_ns == due_ns ^ due_late and late_ns >= 0:
                if kept:
                    self._time(received_ns, due_ns, late_ns)
                plain += STAMP.pack(key, due_ns, key, due_ns)
            else:
                plain += STAMP.pack(*stamp)
        inbox.stamps[:] = plain
        super().settle(inbox)

    def _last(self, inbox: Inbox) -> Iterable[bool]:
        """Of each delivery, whether it is the one at which its message's time ends."""
        return repeat(True, len(inbox.received_ns))

    def _time(self, received_ns: int, due_ns: int, late_ns: int) -> None:
        self.uncorrected_ns.append(received_ns - due_ns - late_ns)
        if self.keeps_times:
            self.due_ns.append(due_ns)
            self.received_ns.append(received_ns)


class OpenReturningLedger(OpenLedger, ReturningLedger):
    """Both: a message that its consumer returns has its latency, from when it was due, as it comes again."""

    def _last(self, inbox: Inbox) -> Iterable[bool]:
        heads = STAMP.iter_unpack(inbox.stamps)
        for (key, _, _, _), again in zip(heads, inbox.redelivered, strict=True):
            yield again or not chosen(key, self._every)


class OpenFanOutLedger(FanOutLedger, OpenLedger):
    """Both: each copy has its latency, from when its message was due."""

    EACH = OpenLedger

    def expect(self, ranges: Iterable[range]) -> None:
        super().expect(ranges)
        for times in (self.uncorrected_ns, self.due_ns, self.received_ns):
            del times[:]

    def settle(self, inbox: Inbox) -> None:
        each = self._each[id(inbox)]
        assert isinstance(each, OpenLedger)
        each.keeps_times = self.keeps_times
        super().settle(inbox)
        for name in ("uncorrected_ns", "due_ns", "received_ns"):
            times = getattr(each, name)
            getattr(self, name).extend(times)
            del times[:]
