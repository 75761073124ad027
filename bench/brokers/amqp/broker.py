"""The names of everything in the broker, and who may use them."""

from __future__ import annotations

import gc
import itertools
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.brokers.amqp import replies
from bench.brokers.amqp.exchanges import Exchange
from bench.brokers.amqp.memory import Memory
from bench.brokers.amqp.replies import AmqpError
from bench.brokers.amqp.turn import Turn

if TYPE_CHECKING:
    import asyncio

    from bench.brokers.amqp.connection import Connection
    from bench.brokers.amqp.messages import Publication
    from bench.brokers.amqp.queues import Queue

DEFAULT_EXCHANGE = ""
_PREDECLARED = {
    DEFAULT_EXCHANGE: "direct",
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who may enter, and how much may be held."""

    user: str
    password: str = field(repr=False)
    vhost: str
    max_memory_bytes: int
    version: str


class Broker:
    """One virtual host. ``version`` grows with every change of where messages go."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.memory = Memory(settings.max_memory_bytes)
        self.turn = Turn(loop, self.memory)
        self.connections: set[Connection] = set()
        self.exchanges = {name: Exchange(name, kind) for name, kind in _PREDECLARED.items()}
        self.queues: dict[str, Queue] = {}
        self.positions = itertools.count()
        self.version = 0

    def what(self, kind: str, name: str) -> str:
        """How RabbitMQ names a thing in its replies."""
        return f"{kind} '{name}' in vhost '{self.settings.vhost}'"

    def exchange(self, name: str) -> Exchange:
        """The exchange of that name; 404 if there is none."""
        found = self.exchanges.get(name)
        if found is None:
            raise AmqpError(replies.NOT_FOUND, f"no {self.what('exchange', name)}")
        return found

    def queue(self, name: str, connection: Connection) -> Queue:
        """The queue of that name; 404 if there is none, 405 if it is another connection's own."""
        found = self.queues.get(name)
        if found is None:
            raise AmqpError(replies.NOT_FOUND, f"no {self.what('queue', name)}")
        if found.owner is not None and found.owner is not connection:
            raise AmqpError(
                replies.RESOURCE_LOCKED,
                f"cannot obtain exclusive access to locked {self.what('queue', name)}",
            )
        return found

    def route(self, publication: Publication) -> None:
        """Looks up where these messages go; 404 if there is no such exchange, 403 if it is internal."""
        exchange = self.exchange(publication.origin.exchange)
        if exchange.internal:
            what = self.what("exchange", exchange.name)
            raise AmqpError(replies.ACCESS_REFUSED, f"cannot publish to internal {what}")
        publication.queues = exchange.route(publication.origin.routing_key)
        publication.version = self.version

    def new_queue_name(self) -> str:
        return f"amq.gen-{secrets.token_urlsafe(16)}"

    def add_exchange(self, exchange: Exchange) -> None:
        self.exchanges[exchange.name] = exchange
        self.version += 1

    def delete_exchange(self, exchange: Exchange) -> None:
        del self.exchanges[exchange.name]
        self.version += 1

    def add_queue(self, queue: Queue) -> None:
        self.queues[queue.name] = queue
        self.bind(queue, self.exchanges[DEFAULT_EXCHANGE], queue.name)

    def delete_queue(self, queue: Queue) -> int:
        """Cancels its consumers, forgets its bindings; how many ready messages went with it."""
        del self.queues[queue.name]
        queue.deleted = True
        for consumer in tuple(queue.consumers):
            consumer.channel.cancelled_by_broker(consumer)
        for exchange in tuple(self.exchanges.values()):
            if exchange.forget(queue):
                self._delete_if_done(exchange)
        self.version += 1
        return queue.purge()

    def bind(self, queue: Queue, exchange: Exchange, key: str) -> None:
        exchange.bind(queue, key)
        self.version += 1

    def unbind(self, queue: Queue, exchange: Exchange, key: str) -> None:
        exchange.unbind(queue, key)
        self.version += 1
        self._delete_if_done(exchange)

    def left(self, connection: Connection) -> None:
        """The connection is over: what was its own goes with it."""
        self.connections.discard(connection)
        self.memory.publishers.discard(connection)
        for queue in [queue for queue in self.queues.values() if queue.owner is connection]:
            self.delete_queue(queue)
        self.memory.check()
        if not self.connections:  # so nobody is being measured; asyncio's transports are cycles
            gc.collect()

    def _delete_if_done(self, exchange: Exchange) -> None:
        if exchange.auto_delete and not exchange.in_use:
            self.delete_exchange(exchange)
