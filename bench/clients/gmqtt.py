"""gmqtt (MQTT 5 and 3.1.1).

The documented way: a ``Client`` for each producer and each consumer, and a coroutine ``on_message``, whose
end sends the acknowledgement (https://github.com/wialon/gmqtt#asynchronous-on_message-callback) where
``optimistic_acknowledgement`` is off (https://github.com/wialon/gmqtt/issues/113). ``publish`` returns
nothing to wait for; that a message was confirmed shows where its authors say, in the storage of messages not
confirmed yet (https://github.com/wialon/gmqtt/issues/78). A message that leaves it sends the next: that is
2,264 bytecodes for a message in all, where lanes that await a future execute 2,380 and a loop written by hand
2,169 (gmqtt 0.8.0, asyncio, embedded broker).

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
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import gmqtt  # type: ignore[import-untyped]  # ships no types
from gmqtt.mqtt.constants import MQTTv50, MQTTv311  # type: ignore[import-untyped]
from gmqtt.storage import PersistentStorage  # type: ignore[import-untyped]

from bench.client import Abilities
from bench.errors import UnsupportedError
from bench.routing import pattern, posts_in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bench.client import Client, Confirmed, Post, Receive, Target

KEPT_S = 3600  # how long the broker keeps the session of a queue if nobody is left to remove it
NEVER = -2  # reconnections: -1 is for ever, and 0 still allows one


class Unconfirmed(PersistentStorage):  # type: ignore[misc]  # ships no types
    """The library's messages without a confirm, with whom to tell of each: ``posted``, of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.telling: dict[int, Confirmed] = {}
        self.posted: Confirmed = lambda _: None

    def push_message(self, mid: int, raw_package: bytes) -> None:
        super().push_message(mid, raw_package)
        self.telling[mid] = self.posted

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self.telling.pop(mid)(None)


def speaks_5(target: Target) -> bool:
    return parse_qs(urlsplit(target.url).query).get("version") != ["3.1.1"]


async def watch(lost: asyncio.Event) -> None:
    await lost.wait()
    raise ConnectionError("the connection to the broker was lost")


@asynccontextmanager
async def connection(
    target: Target,
    identifier: str | None = None,
    *,
    clean: bool = True,
    kept: bool = False,
    unconfirmed: Unconfirmed | None = None,
    on_message: Callable[..., Awaitable[int]] | None = None,
) -> AsyncIterator[Any]:
    """``clean`` begins a new session, and one that is not ``kept`` ends with it."""
    url, new, properties = urlsplit(target.url), speaks_5(target), {}
    if new:
        properties = {"receive_maximum": target.prefetch, "session_expiry_interval": KEPT_S if kept else 0}
    elif target.acknowledged and parse_qs(url.query).get("receive_maximum") != [str(target.prefetch)]:
        raise UnsupportedError(f"MQTT 3.1.1 cannot ask the broker for a prefetch of {target.prefetch}")
    client = gmqtt.Client(
        identifier,
        clean_session=clean if new else not kept,
        optimistic_acknowledgement=False,
        persistent_storage=unconfirmed,
        **properties,
    )
    client.set_config({"reconnect_retries": NEVER})
    if url.username:
        client.set_auth_credentials(unquote(url.username), unquote(url.password or ""))
    lost = asyncio.Event()
    client.on_disconnect = lambda *_: lost.set()
    if on_message:
        client.on_message = on_message
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(lost))
        try:
            await client.connect(
                url.hostname,
                url.port,
                ssl=target.tls.context() if url.scheme == "mqtts" else False,
                version=MQTTv50 if new else MQTTv311,
            )
            yield client
        finally:
            watching.cancel()
            await client.disconnect()


async def subscribe(client: Any, target: Target, queue: str) -> None:
    qos = int(target.acknowledged)
    answer: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
    client.on_subscribe = lambda _, __, granted, ___: answer.set_result(granted)
    shared = speaks_5(target) and not target.fan_out
    client.subscribe(pattern(target, f"$share/{queue}/{queue}" if shared else queue, "/+"), qos)
    if (granted := await answer) != (qos,):
        raise UnsupportedError(f"the broker answered a subscription at QoS {qos} with: {granted[0]}")


class Gmqtt:
    abilities = Abilities(
        distribution="gmqtt",
        protocol="mqtt",
        measures=("end-to-end", "publish"),
        publishing="callback",
        fan_out=True,
        topics=True,
        stores=("at-least-once",),
        ack_every=False,
        persistent=False,
        trouble=(("rloop", "no TLS"),),
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
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Post]:
        unconfirmed, qos, soon = Unconfirmed(), int(target.acknowledged), asyncio.get_running_loop().call_soon
        async with connection(target, unconfirmed=unconfirmed) as client:
            send = client.publish

            def post_to(topic: str) -> Post:
                def post(body: bytes, confirmed: Confirmed) -> None:
                    send(topic, body, qos)
                    soon(confirmed, None)

                def post_confirmed(body: bytes, confirmed: Confirmed) -> None:
                    unconfirmed.posted = confirmed
                    send(topic, body, qos)

                return post_confirmed if qos else post

            yield posts_in_turn([post_to(topic) for topic in topics(target, queue, "/")])

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        taken = self.consumers.setdefault(queue, set())
        number = next(each for each in count() if each not in taken)
        if number and not speaks_5(target):
            raise UnsupportedError("MQTT 3.1.1 has no shared subscriptions for several consumers of a queue")
        identifier, own = (f"{queue}-{number}", True) if number else (queue, False)

        async def handle(_: Any, __: str, body: bytes, ___: int, ____: Any) -> int:
            handling = receive(body)
            if handling is not None:
                await handling
            return 0  # what the acknowledgement says: success

        taken.add(number)
        try:
            async with connection(target, identifier, clean=own, kept=not own, on_message=handle) as client:
                if own:
                    await subscribe(client, target, queue)
                yield
                # Whoever takes the session over could overtake the last acknowledgements, but not an answer
                # to what was sent after them.
                answered = asyncio.Event()
                client.on_unsubscribe = lambda *_: answered.set()
                client.unsubscribe(f"{queue}/nothing")
                await answered.wait()
        finally:
            taken.remove(number)


CLIENT: Client = Gmqtt()
