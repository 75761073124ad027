"""Who reads which partitions of a case's topics, as Kafka has them: shared out by hand, not by a group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.client import Target


class Shares:
    """What topologies consist of: a queue is a consumer group, and has a topic of its own.

    In a fan-out all groups read the first one's.

    ``topics`` says how many partitions each topic has: as many as the scenario says, or one for each consumer
    of the group.
    """

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self._consumers: dict[str, int] = {}
        self._topic_of: dict[str, str] = {}
        self._taken: set[tuple[str, int]] = set()

    def plan(self, target: Target, queues: Sequence[str]) -> dict[str, int]:
        """One more topology; how many partitions each of its topics has."""
        step = len(queues)
        if target.fan_out:
            consumers = dict.fromkeys(queues, 1)
            topic_of = dict.fromkeys(queues, queues[0])
        else:
            consumers = {q: len(range(i, target.consumers, step)) or 1 for i, q in enumerate(queues)}
            topic_of = {queue: queue for queue in queues}
        topics = {topic: target.partitions or consumers[topic] for topic in topic_of.values()}
        self._consumers |= consumers
        self._topic_of |= topic_of
        self.topics |= topics
        return topics

    def all_of(self, queue: str) -> tuple[str, range]:
        """The topic that a queue's consumers read, and all of its partitions."""
        topic = self._topic_of[queue]
        return topic, range(self.topics[topic])

    def written(self, target: Target, topic: str, there: int) -> int:
        """How many partitions a producer goes round, of those that are ``there``.

        A producer in a worker without the topology knows them by the scenario alone.
        """
        return target.partitions or self.topics.get(topic) or min(there, target.consumers)

    @contextmanager
    def taken(self, queue: str) -> Iterator[tuple[str, range]]:
        """The topic and the partitions of one more consumer, which are nobody else's meanwhile.

        None are left for more consumers than partitions: as in any group, the rest have nothing to do.
        """
        topic, everything = self.all_of(queue)
        share = self._consumers[queue]
        number = next((n for n in range(share) if (queue, n) not in self._taken), None)
        if number is None:
            yield topic, range(0)
            return
        self._taken.add((queue, number))
        try:
            yield topic, everything[number::share]
        finally:
            self._taken.discard((queue, number))
