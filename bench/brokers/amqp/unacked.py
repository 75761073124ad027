"""What one channel has delivered and not yet heard of, in the order of delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bench.brokers.amqp import replies
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.brokers.amqp.consumers import Consumer
    from bench.brokers.amqp.messages import Message
    from bench.brokers.amqp.queues import Queue

Delivery: TypeAlias = "tuple[Message, Queue, Consumer | None]"
"""The consumer is None for what was fetched by basic.get."""


class Unacked(dict[int, Delivery]):
    """Deliveries by their tag. A dictionary keeps them in order, and settles one at the cost of a look-up."""

    __slots__ = ("_settled_up_to",)

    def __init__(self) -> None:
        self._settled_up_to = 0

    def settle(self, tag: int) -> Delivery:
        delivery = self.pop(tag, None)
        if delivery is None:
            raise _unknown(tag)
        return delivery

    def settle_up_to(self, tag: int) -> list[Delivery]:
        """All deliveries up to and including ``tag``, oldest first; 0 stands for the last one."""
        if tag == 0:
            deliveries = list(self.values())
            self.clear()
            return deliveries
        if tag not in self:
            raise _unknown(tag)
        if tag - self._settled_up_to < 2 * len(self):
            tags: Iterable[int] = range(self._settled_up_to + 1, tag + 1)
        else:  # most were settled one by one: what is left is found faster among itself
            tags = [left for left in self if left <= tag]
        self._settled_up_to = tag
        return [self.pop(settled) for settled in tags if settled in self]


def _unknown(tag: int) -> AmqpError:
    return AmqpError(replies.PRECONDITION_FAILED, f"unknown delivery tag {tag}")
