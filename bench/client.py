"""The contract between the harness and the adapters in ``bench/clients``.

An adapter is one object with three async context managers. It translates, and nothing else: it never
measures, retries, batches, logs, catches or picks semantics. What its client cannot do raises
UnsupportedError; nothing weaker is run in its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    import ssl
    from contextlib import AbstractAsyncContextManager

    from bench.scenario import Delivery, Guarantee, Measure, QueueType, Scenario

Publish = Callable[[bytes], Awaitable[object]]
"""Returns once the broker has confirmed the body (at least once), or the library has taken it (at most)."""

Send = Callable[[bytes], Awaitable[Awaitable[object]]]
"""Another form of Publish, for a client whose natural idiom is a future for each message: awaiting it
returns when the library has taken the body, with a future that the broker's confirm resolves."""

Confirmed = Callable[[BaseException | None], object]
Post = Callable[[bytes, Confirmed], object]
"""A third form, for a client whose natural idiom is callbacks: it hands the body to the library and
returns. Later, never within the call, what it was given is called once: with None when the broker has
confirmed the body (at least once) or the library has taken it (at most), or with what went wrong."""

Form = Literal["await", "future", "callback"]

Publishing = Publish | Send | Post | Sequence[Publish]
"""What a producer yields: a sequence has a Publish for each of ``in_flight`` lanes, for a client whose lanes
each need a channel of their own."""

Receive = Callable[[bytes], Awaitable[None] | None]
"""Called exactly once for each delivered message, before it is acknowledged. What it returns, unless None,
is awaited before the acknowledgement."""

Judge = Callable[[bytes, bool], bool]
"""What ``receive`` is where ``target.requeues``: called with the body, and whether the broker says that the
message was delivered before. True: the message goes back to the broker; False: it is acknowledged."""

EMPTY_S = 0.001
"""How long a consumer that pulls leaves a queue alone in which it has just found nothing, where its protocol
cannot wait in the broker: to ask again at once would take a core of both for an idle queue."""

Depth = Callable[[], Awaitable[int]]
"""How many messages wait in the queues of a topology, by the broker's own word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a client can do, as literals: the planner reads them from the source without importing it.

    distribution   the name on PyPI, or "" for a client that is part of the harness
    protocol       what it speaks: amqp, mqtt, kafka, nats, redis, memory
    guarantees     those that it can really give
    measures       the stretches that can be timed with it
    stores         the guarantees at which messages wait in the broker while nobody consumes
    ordering       producer: a producer's messages reach one consumer in the order of ``publish`` calls;
                   lane: only those of one lane do, because each lane has its own channel
    publishing     await: ``producer`` yields Publish; future: it yields Send, callback: Post, and the harness
                   keeps ``in_flight`` of them outstanding; never more than that, never weaker
    most_bytes     the largest body that it can send; 0 if it has no limit of its own
    least_bytes    the smallest one that arrives
    fan_out        it can give every message to every queue of a topology
    topics         its consumers can be had to subscribe to topics by a pattern
    pushes         the guarantees at which the broker can send it messages as they come
    pulls          those at which its consumers can ask for messages instead
    requeues       its consumers can return a message, and the broker delivers it again
    queue_types    those that it can declare, where its protocol has several
    partitions     it can divide a queue into them
    replication    it can ask for copies of messages; where there are queue types, in quorum queues
    tls            loop: it has the event loop make its connections with TLS; own: it makes them itself
    trouble        what is known to go wrong on a loop: pairs of the loop's name and a sentence
    """

    distribution: str
    protocol: str
    guarantees: tuple[Guarantee, ...] = ("at-most-once", "at-least-once")
    measures: tuple[Measure, ...] = ("end-to-end", "publish", "consume")
    stores: tuple[Guarantee, ...] = ("at-most-once", "at-least-once")
    ordering: Literal["producer", "lane"] = "producer"
    publishing: Form = "await"
    ack_every: bool = True
    persistent: bool = True
    most_bytes: int = 0
    least_bytes: int = 0
    fan_out: bool = False
    topics: bool = False
    pushes: tuple[Guarantee, ...] = ("at-most-once", "at-least-once")
    pulls: tuple[Guarantee, ...] = ()
    requeues: bool = False
    queue_types: tuple[QueueType, ...] = ()
    partitions: bool = False
    replication: bool = False
    tls: Literal["loop", "own"] = "loop"
    trouble: tuple[tuple[str, str], ...] = ()

    def shortfall(self, scenario: Scenario) -> str | None:
        """What the scenario asks for and this client cannot do, in words; None if it can do all of it."""
        wants = (
            (scenario.guarantee not in self.guarantees, f"give the guarantee {scenario.guarantee}"),
            (scenario.measure not in self.measures, f"be measured {scenario.measure} on its own"),
            (
                scenario.measure != "end-to-end" and scenario.guarantee not in self.stores,
                f"be measured {scenario.measure} at {scenario.guarantee}, when nothing waits for consumers",
            ),
            (
                scenario.ack_every > 1 and not self.ack_every,
                f"acknowledge several messages at once (ack_every={scenario.ack_every})",
            ),
            (
                scenario.persistent and not (self.persistent and scenario.guarantee in self.stores),
                f"ask for persistent messages at {scenario.guarantee}",
            ),
            (scenario.fan_out and not self.fan_out, "give every consumer every message (fan_out=true)"),
            (
                scenario.topics is not None and not self.topics,
                f"be measured with topics that consumers find by a pattern (topics={scenario.topics})",
            ),
            (
                scenario.delivery == "push" and scenario.guarantee not in self.pushes,
                f"have messages pushed to its consumers at {scenario.guarantee} (delivery=push)",
            ),
            (
                scenario.delivery == "pull" and scenario.guarantee not in self.pulls,
                f"have its consumers ask for messages at {scenario.guarantee} (delivery=pull)",
            ),
            (
                scenario.requeue_every is not None and not self.requeues,
                f"return messages to the broker (requeue_every={scenario.requeue_every})",
            ),
            (
                scenario.queue_type not in (None, *self.queue_types),
                f"declare queues of a type (queue_type={scenario.queue_type})",
            ),
            (
                scenario.partitions is not None and not self.partitions,
                f"divide a queue into partitions (partitions={scenario.partitions})",
            ),
            (
                scenario.replication > 1 and not self.replication,
                f"ask for copies of messages (replication={scenario.replication})",
            ),
            (
                scenario.replication > 1 and bool(self.queue_types) and scenario.queue_type != "quorum",
                f"ask for copies (replication={scenario.replication}) in queues other than quorum queues",
            ),
            (
                scenario.replication > 1 and scenario.guarantee not in self.stores,
                f"ask for copies (replication={scenario.replication}) at {scenario.guarantee}",
            ),
            (0 < self.most_bytes < scenario.most_bytes, f"send bodies over {self.most_bytes} bytes"),
            (scenario.least_bytes < self.least_bytes, f"deliver bodies under {self.least_bytes} bytes"),
        )
        name = self.distribution or self.protocol
        return next((f"{name} cannot {what}" for lacks, what in wants if lacks), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust, and who we are, behind a URL that asks for TLS: paths of files in PEM.

    ca            the authority that the broker's certificate must come from; None for those of the machine
    certificate   the client's own, with the chain that leads to its authority
    key           of that certificate; None if the same file holds it
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Chain and host name are verified, always. Raises OSError, of which ssl.SSLError is a kind."""
        import ssl  # noqa: PLC0415  # who only names the files does without it

        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            # A passphrase, or OpenSSL would ask the terminal for that of a key which has one.
            context.load_cert_chain(self.certificate, self.key, password="")
        return context


NO_FILES = Tls()
"""The authorities of the machine, and no certificate of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, and the semantics that the scenario asks for."""

    url: str = field(repr=False)
    guarantee: Guarantee
    prefetch: int
    in_flight: int
    ack_every: int
    persistent: bool
    consumers: int = 1
    """How many there will be, over all queues: Kafka needs a partition for each."""
    fan_out: bool = False
    """Every queue of the topology gets every message; producers are given the first of them."""
    topics: int | None = None
    """Over which a queue's messages are spread; None: it has none. See bench/routing.py."""
    delivery: Delivery | None = None
    """How messages get to consumers; None is the adapter's choice, which its docstring tells."""
    requeues: bool = False
    """Consumers are given a Judge."""
    queue_type: QueueType | None = None
    partitions: int | None = None
    replication: int = 1
    tls: Tls = NO_FILES
    """For a URL whose scheme asks for TLS; of no meaning to any other."""

    @classmethod
    def of(cls, scenario: Scenario, url: str, tls: Tls = NO_FILES) -> Self:
        """What a scenario asks of a client that finds its broker at ``url``."""
        return cls(
            url=url,
            guarantee=scenario.guarantee,
            prefetch=scenario.prefetch,
            in_flight=scenario.in_flight,
            ack_every=scenario.ack_every,
            persistent=scenario.persistent,
            consumers=scenario.consumers,
            fan_out=scenario.fan_out,
            topics=scenario.topics,
            delivery=scenario.delivery,
            requeues=scenario.requeue_every is not None,
            queue_type=scenario.queue_type,
            partitions=scenario.partitions,
            replication=scenario.replication,
            tls=tls,
        )

    @property
    def acknowledged(self) -> bool:
        """Publishes are confirmed and deliveries acknowledged."""
        return self.guarantee == "at-least-once"

    @property
    def consumed_is_gone(self) -> bool:
        """A queue's depth is what nobody has consumed yet. A stream keeps all, and its depth says nothing."""
        return self.queue_type != "stream"

    @property
    def queue_arguments(self) -> dict[str, Any]:
        """What an AMQP queue is declared with, in RabbitMQ's words."""
        if self.queue_type is None:
            return {}
        group = {"x-quorum-initial-group-size": self.replication} if self.queue_type == "quorum" else {}
        return {"x-queue-type": self.queue_type, **group}

    @property
    def consumer_arguments(self) -> dict[str, Any]:
        """What an AMQP consumer is started with: one of a stream begins with all that it holds."""
        return {"x-stream-offset": "first"} if self.queue_type == "stream" else {}


class Client(Protocol):
    """What an adapter offers."""

    @property
    def abilities(self) -> Abilities: ...

    def topology(self, target: Target, queues: Sequence[str]) -> AbstractAsyncContextManager[Depth | None]:
        """Creates the empty queues on entry and removes them on exit, also after an error.

        Yields a way to ask for their depth, or None where the protocol has none.
        """
        ...

    def producer(self, target: Target, queue: str) -> AbstractAsyncContextManager[Publishing]:
        """A connected producer; up to ``target.in_flight`` calls of what it yields run at once."""
        ...

    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        """Delivery is running when the block is entered; an exception in it reaches the driver."""
        ...
