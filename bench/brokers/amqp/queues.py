"""One queue: ready messages in their order, and consumers that take turns."""

from __future__ import annotations

import sys
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from bench.brokers.amqp.messages import again, held_bytes

if TYPE_CHECKING:
    from bench.brokers.amqp.connection import Connection
    from bench.brokers.amqp.consumers import Consumer
    from bench.brokers.amqp.memory import Memory
    from bench.brokers.amqp.messages import Message
    from bench.brokers.amqp.turn import Turn


class Queue:
    """``ready`` holds what was never delivered, ``returned`` what came back unacknowledged.

    Delivery goes from left to right, so whatever came back stood before all that is still ready: a heap in
    front of a deque keeps the original order, at no cost for queues that nothing comes back to.
    """

    def __init__(
        self,
        name: str,
        turn: Turn,
        memory: Memory,
        *,
        durable: bool,
        auto_delete: bool,
        owner: Connection | None,
        arguments: dict[str, Any],
    ) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.owner = owner
        self.arguments = arguments
        self.ready: deque[Message] = deque()
        self.returned: list[Message] = []
        self.consumers: list[Consumer] = []
        self.deleted = False
        self._takers: deque[Consumer] = deque()
        self._turn = turn
        self._memory = memory
        self._due = False

    def __len__(self) -> int:
        return len(self.ready) + len(self.returned)

    @property
    def exclusive(self) -> bool:
        return self.owner is not None

    def differences(self, **wanted: Any) -> list[tuple[str, Any, Any]]:
        """Each attribute that is not as wanted: its name, the wish, the fact."""
        return [
            (name, wish, getattr(self, name)) for name, wish in wanted.items() if wish != getattr(self, name)
        ]

    def put(self, message: Message) -> None:
        self.ready.append(message)
        if not self._due:
            self._deliver_soon()

    def put_back(self, message: Message) -> None:
        """Returns a message that was not acknowledged to its original place."""
        if self.deleted:
            self._memory.held_bytes -= held_bytes(message)
            return
        heappush(self.returned, again(message))
        self._deliver_soon()

    def pop(self) -> Message:
        return heappop(self.returned) if self.returned else self.ready.popleft()

    def purge(self) -> int:
        """Drops what is ready (not what is unacknowledged); how many that were."""
        count = len(self)
        for messages in (self.ready, self.returned):
            self._memory.held_bytes -= sum(map(held_bytes, messages))
            messages.clear()
        return count

    def add(self, consumer: Consumer) -> None:
        self.consumers.append(consumer)
        self.offer(consumer)

    def remove(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        consumer.cancelled = True
        if consumer.waiting:
            consumer.waiting = False
            self._takers.remove(consumer)

    def offer(self, consumer: Consumer) -> None:
        """The consumer can take messages (again)."""
        if not (consumer.waiting or consumer.cancelled):
            consumer.waiting = True
            self._takers.append(consumer)
            self._deliver_soon()

    def deliver(self) -> None:
        """One message to each consumer in turn (to one that is alone: many) while there are both."""
        self._due = False
        takers = self._takers
        while takers and (self.ready or self.returned):
            consumer = takers.popleft()
            if consumer.take(1 if takers else sys.maxsize):
                takers.append(consumer)
            else:
                consumer.waiting = False

    def _deliver_soon(self) -> None:
        if not self._due:
            self._due = True
            self._turn.deliver(self)
