"""aiomqtt (MQTT 5 and 3.1.1; version 2, which wraps paho-mqtt).

The documented way: a ``Client`` for each producer and each consumer, ``publish`` awaited, and iteration over
``Client.messages`` (https://aiomqtt.bo3hm.com/subscribing-to-a-topic.html). Left to itself, paho acknowledges
a message before aiomqtt hands it out. Acknowledging it after ``receive`` is what users of aiomqtt do through
the paho client inside it (https://github.com/empicano/aiomqtt/issues/345), and what is done here.

A queue is a topic, and a session that subscribes to it and outlives its connections: the first consumer of
the queue takes it over, more of them join its shared subscription with sessions of their own. What nobody
consumes yet waits for the first of them alone, so there is no full queue for several to ``consume``; and at
QoS 0 not even that is sure, since a broker may still send it to a connection that has just been left, so
``publish`` is measured at QoS 1 only. For a fan-out every session has a plain subscription to the one topic.
With topics of its own, a queue's session subscribes to a filter that ends in ``+``.
``prefetch`` is the receive maximum of MQTT 5. In 3.1.1 the broker has one number for all: any other is
refused, and so is a second consumer, since 3.1.1 has no shared subscriptions. What is kept on disk is the
broker's choice in MQTT.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.client import Abilities
from bench.errors import UnsupportedError
from bench.routing import in_turn, pattern, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bench.client import Client, Publish, Receive, Target

KEPT_S = 3600  # how long the broker keeps the session of a queue if nobody is left to remove it


def speaks_5(target: Target) -> bool:
    return parse_qs(urlsplit(target.url).query).get("version") != ["3.1.1"]


def connection(
    target: Target, identifier: str | None = None, *, clean: bool = True, kept: bool = False
) -> aiomqtt.Client:
    """Not connected yet. ``clean`` begins a new session, and one that is not ``kept`` ends with it."""
    url = urlsplit(target.url)
    more: dict[str, Any]
    if speaks_5(target):
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's has no types
        properties.SessionExpiryInterval = KEPT_S if kept else 0
        properties.ReceiveMaximum = target.prefetch
        more = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": clean, "properties": properties}
    else:
        if target.acknowledged and parse_qs(url.query).get("receive_maximum") != [str(target.prefetch)]:
            raise UnsupportedError(f"MQTT 3.1.1 cannot ask the broker for a prefetch of {target.prefetch}")
        more = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": not kept}
    client = aiomqtt.Client(
        url.hostname or "",
        url.port or 0,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        identifier=identifier,
        max_inflight_messages=target.in_flight,  # paho's own is 20, and more would wait inside it
        tls_context=target.tls.context() if url.scheme == "mqtts" else None,
        **more,
    )
    client.pending_calls_threshold = target.in_flight  # or every publish beyond 10 logs a warning
    return client


async def subscribe(client: aiomqtt.Client, target: Target, queue: str) -> None:
    shared = speaks_5(target) and not target.fan_out
    topic = pattern(target, f"$share/{queue}/{queue}" if shared else queue, "/+")
    qos = int(target.acknowledged)
    (granted,) = await client.subscribe(topic, qos)
    if granted != qos:
        raise UnsupportedError(f"the broker answered a subscription at QoS {qos} with: {granted}")


async def listen(client: aiomqtt.Client, handle: Callable[[aiomqtt.Message], None]) -> None:
    """Iteration is also how aiomqtt says that a connection broke, to those who only publish as well."""
    async for message in client.messages:
        handle(message)


class Aiomqtt:
    abilities = Abilities(
        distribution="aiomqtt",
        protocol="mqtt",
        tls="own",
        measures=("end-to-end", "publish"),
        fan_out=True,
        topics=True,
        stores=("at-least-once",),
        ack_every=False,
        persistent=False,
    )

    def __init__(self) -> None:
        self.consumers: dict[str, set[int]] = {}

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[None]:
        made = []
        try:
            for name in queues:
                async with connection(target, name, kept=True) as client:
                    made.append(name)
                    await subscribe(client, target, queues[0] if target.fan_out else name)
            yield
        finally:
            for name in made:
                async with connection(target, name):
                    pass

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        qos = int(target.acknowledged)
        async with connection(target) as client, asyncio.TaskGroup() as group:
            send = client.publish

            def publish_to(topic: str) -> Publish:
                # aiomqtt's own limit of 10 s costs a timer and 4 to 20 % more CPU for each message (2.5.1,
                # medians of 12 paired turns, asyncio and uvloop); the harness has limits.
                return lambda body: send(topic, body, qos, timeout=math.inf)

            listening = group.create_task(listen(client, lambda _: None))
            yield in_turn([publish_to(topic) for topic in topics(target, queue, "/")])
            listening.cancel()

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        taken = self.consumers.setdefault(queue, set())
        number = next(each for each in count() if each not in taken)
        if number and not speaks_5(target):
            raise UnsupportedError("MQTT 3.1.1 has no shared subscriptions for several consumers of a queue")
        identifier, own = (f"{queue}-{number}", True) if number else (queue, False)
        client = connection(target, identifier, clean=own, kept=not own)
        paho = client._client  # noqa: SLF001  # see above: there is no other way to acknowledge after receive
        paho.manual_ack_set(target.acknowledged)
        acknowledge = paho.ack

        async def finish(handling: Awaitable[None], message: aiomqtt.Message) -> None:
            await handling
            acknowledge(message.mid, message.qos)

        def handle(message: aiomqtt.Message) -> None:
            handling = receive(message.payload)
            if handling is None:
                acknowledge(message.mid, message.qos)
            else:
                group.create_task(finish(handling, message))

        taken.add(number)
        try:
            async with client:
                async with asyncio.TaskGroup() as group:
                    listening = group.create_task(listen(client, handle))
                    if own:
                        await subscribe(client, target, queue)
                    yield
                    listening.cancel()
                # Whoever takes the session over could overtake the last acknowledgements, but not an answer
                # to what was sent after them.
                await client.unsubscribe(f"{queue}/nothing")
        finally:
            taken.remove(number)


CLIENT: Client = Aiomqtt()
