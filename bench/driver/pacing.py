"""The pace of a load that is not closed: lanes send when a message is due and there is room for it."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from bench.driver.alarm import Alarm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bench.client import Receive


class Room:
    """At most ``limit`` messages between their publish and their receipt."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        if self._free:
            self._free -= 1
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def give(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._free += 1


def making_room(receive: Receive, room: Callable[[], Room | None]) -> Receive:
    """``receive``, with which a message makes room for the next; ``room`` is that of the stretch, if any."""

    def received(body: bytes) -> Awaitable[None] | None:
        if (of := room()) is not None:
            of.give()
        return receive(body)

    return received


def making_room_when_kept(receive: Receive, room: Callable[[], Room | None]) -> Receive:
    """The same for a ``bench.client.Judge``: a message that is returned is still under way."""
    judge: Any = receive

    def judged(body: bytes, redelivered: bool) -> bool:  # as the broker says it
        returned: bool = judge(body, redelivered)
        if not returned and (of := room()) is not None:
            of.give()
        return returned

    return judged  # type: ignore[return-value]  # a Judge, which target.requeues says


class Rush:
    """Lets the lanes of one producer send ``share`` messages, each as soon as there is room: no schedule."""

    def __init__(self, clock: Callable[[], int], share: int, room: Room) -> None:
        self._clock = clock
        self._left = share
        self._room = room

    async def turn(self) -> int | None:
        """As :meth:`Gate.turn`; a message is due when there is room for it."""
        if not self._left:
            return None
        self._left -= 1
        await self._room.take()
        return self._clock()


class Gate:
    """Lets the lanes of one producer send ``share`` messages, each when it is due."""

    def __init__(
        self, clock: Callable[[], int], share: int, room: Room | None, late: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._left = share
        self._room = room
        self._late = late
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._overdue: deque[int] = deque()

    @property
    def overdue(self) -> int:
        """How many messages are due and wait for a lane or for room."""
        return len(self._overdue)

    async def turn(self) -> int | None:
        """Returns when a message may be sent, with the time at which it was due; None if there is none left.

        Room is taken before a lane waits for its message, so that a message that finds no room is one that
        finds no lane.
        """
        if not self._left:
            return None
        self._left -= 1
        if self._room is not None:
            await self._room.take()
        if self._overdue:
            return self._overdue.popleft()
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        due_ns: int = await waiting
        self._late(self._clock() - due_ns)
        return due_ns

    def offer(self, due_ns: int) -> bool:
        """A message is due; False if no lane is free for it, and so it must wait for one."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(due_ns)
                return True
        self._overdue.append(due_ns)
        return False


class Pace:
    """Offers the messages of a stretch to the gates of their producers when they are due.

    ``slip_ns`` is how late we were ourselves with each message: from the time at which it was due to the
    moment when a free lane had it or, for one of the ``overruns``, which found none, began to wait for one.
    """

    def __init__(
        self, owners: Sequence[int], producers: int, room: Room | None, clock: Callable[[], int]
    ) -> None:
        self._owners = owners
        self._clock = clock
        self.slip_ns: array[int] = array("q")
        self.overruns = 0
        self.began_ns = 0
        shares = Counter(owners)
        self.gates = [Gate(clock, shares[number], room, self.slip_ns.append) for number in range(producers)]

    @property
    def messages(self) -> int:
        return len(self._owners)

    @property
    def turns(self) -> list[Callable[[], Awaitable[int | None]]]:
        """How each producer's lanes get theirs."""
        return [gate.turn for gate in self.gates]

    @property
    def idle(self) -> bool:
        """Nothing that is due waits to be sent."""
        return not any(gate.overdue for gate in self.gates)

    async def play(self, due_ns: Sequence[int]) -> None:
        """Offers each message at its time; returns after the last. Time begins when every lane waits, which
        takes lanes that were made just before one round of the loop.
        """
        await asyncio.sleep(0)
        began_ns = self.began_ns = self._clock()
        over = asyncio.get_running_loop().create_future()
        gates, owners, clock, slip, count = self.gates, self._owners, self._clock, self.slip_ns, len(due_ns)
        place = 0

        def ring() -> None:
            nonlocal place
            now_ns = clock() - began_ns
            while place < count and due_ns[place] <= now_ns:
                if not gates[owners[place]].offer(began_ns + due_ns[place]):
                    self.overruns += 1
                    slip.append(now_ns - due_ns[place])
                place += 1
            if place < count:
                alarm.set(began_ns + due_ns[place])
            elif not over.done():
                over.set_result(None)

        with Alarm(ring, clock) as alarm:
            alarm.set(began_ns + due_ns[0])
            await over
