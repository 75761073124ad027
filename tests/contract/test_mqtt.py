"""MQTT clients keep the contract."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import gmqtt  # type: ignore[import-untyped]  # ships no types
import pytest
from aiomqtt import MqttError

from bench.brokers import Broker, list_brokers
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import log_in
from bench.brokers.mqtt.mosquitto import installed
from bench.brokers.ports import free_ports
from bench.brokers.readiness import until_ready
from bench.brokers.supervised import Command, new_folder, supervised
from bench.client import Client, Target
from bench.driver.publishing import awaited
from bench.driver.sample import Sample
from bench.errors import UnsupportedError
from bench.scenario import Scenario
from bench.worker import describe
from contract.aside import aside
from contract.contract import LIMIT_S, WINDOW_S, Contract, until

CERTIFICATE = Path(__file__).parent.parent / "brokers" / "throwaway-certificate.pem"

SHUT_OUT_S = 1.1  # nats-server's mqttSessFlappingJailDur is 1 s


def is_old(broker: Broker) -> bool:
    """It speaks 3.1.1 only: it has one prefetch for all, and no shared subscriptions."""
    return "version=3.1.1" in broker.url


async def has_session(broker: Broker, identifier: str) -> bool:
    """Whether the broker greets who comes back with a session that it kept."""
    address, present = MqttAddress.parse(broker.url), list[int]()
    client = gmqtt.Client(identifier, clean_session=False)
    client.set_auth_credentials(address.user, address.password)
    client.on_connect = lambda _, session_present, *__: present.append(session_present)
    await client.connect(address.host, address.port)
    await client.disconnect()
    return present != [0]


@asynccontextmanager
async def beside_it(broker: Broker) -> AsyncIterator[Any]:
    """Somebody else's connection to the broker."""
    address, client = MqttAddress.parse(broker.url), gmqtt.Client(None)
    client.set_auth_credentials(address.user, address.password)
    await client.connect(address.host, address.port, version=4 if is_old(broker) else 5)
    try:
        yield client
    finally:
        await client.disconnect()


def need_prompt_redelivery(broker: Broker) -> None:
    if broker.kind == "nats-mqtt":
        pytest.skip("nats-server delivers again when its ack_wait of 30 s is over, not to a new connection")


class Mqtt(Contract):
    protocol = "mqtt"
    # Not what waited in the queue before they came: that is the first one's.
    competing = False

    def target(self, broker: Broker, **changes: Any) -> Target:
        return super().target(broker, **{**changes, "prefetch": 100} if is_old(broker) else changes)

    @asynccontextmanager
    async def queue(self, target: Target) -> AsyncIterator[str]:
        async with super().queue(target) as name:
            await self.seen_to_leave(target, name)
            yield name
            await self.seen_to_leave(target, name)

    async def gone(self, broker: Broker, queue: str) -> bool:
        if not is_old(broker):
            return not await has_session(broker, queue)
        await asyncio.sleep(SHUT_OUT_S)  # the test has just used the session of that name
        target, seen = self.target(broker), list[bytes]()
        async with self.client.topology(target, [queue]):
            await self.seen_to_leave(target, queue)
            async with self.client.consumer(target, queue, seen.append):
                pass
            await self.seen_to_leave(target, queue)
        return not seen

    async def seen_to_leave(self, target: Target, queue: str) -> None:
        """Returns when nats-server has had time to see that a connection was closed.

        It shuts out for a second whoever takes his own session over twice within one, and what it still sends
        to the connection that was left comes again after 30 s only. Letting somebody else in takes it longer.
        """
        if "version=3.1.1" in target.url:
            async with self.client.producer(target, queue):
                pass

    async def drive(
        self, broker: Broker, scenario: Scenario, *, messages: int = 300, turns: int = 2
    ) -> Sequence[Sample]:
        try:
            samples = await super().drive(broker, scenario, messages=messages, turns=turns)
        except* UnsupportedError as error:
            assert is_old(broker)
            pytest.skip(describe(error))
        return samples

    async def test_never_more_than_prefetch_are_unacknowledged(self, broker: Broker) -> None:
        if is_old(broker):
            pytest.skip("a prefetch of 5 cannot be had; the next test holds as many as can be")
        await super().test_never_more_than_prefetch_are_unacknowledged(broker)

    async def test_what_may_be_held_is_held_and_no_more(self, broker: Broker) -> None:
        target, held, gate = self.target(broker), list[bytes](), asyncio.Event()
        most, total = target.prefetch, target.prefetch + 15

        async def hold(body: bytes) -> None:
            held.append(body)
            await gate.wait()

        async with self.queue(target) as queue:
            await self.publish(target, queue, [b"%d" % index for index in range(total)])
            async with self.client.consumer(target, queue, hold):
                await until(lambda: len(held) >= most, lambda: f"{len(held)} came")
                await asyncio.sleep(WINDOW_S)
                assert len(held) == most
                gate.set()
                await until(lambda: len(held) >= total, lambda: f"{len(held)} came")

    async def test_consumers_of_a_queue_share_what_is_published_while_they_listen(
        self, broker: Broker
    ) -> None:
        if is_old(broker):
            pytest.skip("MQTT 3.1.1 has no shared subscriptions")
        target, first, second = self.target(broker), list[bytes](), list[bytes]()
        async with (
            self.queue(target) as queue,
            self.client.consumer(target, queue, first.append),
            self.client.consumer(target, queue, second.append),
        ):
            bodies = [b"%d" % index for index in range(20)]
            await self.publish(target, queue, bodies)
            await until(lambda: len(first) + len(second) >= 20, lambda: f"{first} and {second} came")
            assert sorted(first + second) == sorted(bodies)
            assert first
            assert second

    async def test_topics_are_gone_round_and_a_pattern_matches_one_that_nobody_named(
        self, broker: Broker
    ) -> None:
        """Seen by somebody who subscribes to one topic, and by a message of another topic than theirs."""
        target, seen, beside = self.target(broker, topics=3), list[bytes](), list[bytes]()
        bodies = [b"%d" % number for number in range(9)]
        async with (
            beside_it(broker) as other,
            self.queue(target) as queue,
            self.client.consumer(target, queue, seen.append),
        ):
            subscribed = asyncio.Event()
            other.on_subscribe = lambda *_: subscribed.set()
            other.on_message = lambda _, __, body, *___: beside.append(body)
            other.subscribe(f"{queue}/1", 1)
            await subscribed.wait()
            await self.publish(target, queue, bodies)
            await until(lambda: len(seen) >= 9 and len(beside) >= 3, lambda: f"{seen} and {beside} came")
            other.publish(f"{queue}/unheard-of", b"by pattern", 1)
            await until(lambda: len(seen) >= 10, lambda: f"{seen} came")
        assert (seen, beside) == ([*bodies, b"by pattern"], [b"1", b"4", b"7"])

    async def test_a_consumer_that_raises_before_the_ack_leaves_the_message(self, broker: Broker) -> None:
        need_prompt_redelivery(broker)
        await super().test_a_consumer_that_raises_before_the_ack_leaves_the_message(broker)

    async def test_a_consumer_that_is_cut_off_before_the_ack_leaves_the_messages(
        self, broker: Broker
    ) -> None:
        need_prompt_redelivery(broker)
        await super().test_a_consumer_that_is_cut_off_before_the_ack_leaves_the_messages(broker)

    async def test_a_queue_is_a_session_while_it_is_there(self, broker: Broker) -> None:
        if is_old(broker):
            pytest.skip("nats-server minds who takes a session over")
        async with self.queue(self.target(broker)) as queue:
            assert await has_session(broker, queue)

    async def test_a_prefetch_that_the_broker_would_not_keep_is_refused(self, broker: Broker) -> None:
        if not is_old(broker):
            pytest.skip("MQTT 5 lets every client say its own")
        target = super().target(broker, prefetch=99)
        with pytest.raises(UnsupportedError, match=r"cannot ask the broker for a prefetch of 99"):
            async with self.client.topology(target, ["queue"]):
                pass

    async def test_a_second_consumer_is_refused_where_nothing_is_shared(self, broker: Broker) -> None:
        if not is_old(broker):
            pytest.skip("MQTT 5 has shared subscriptions")
        target = self.target(broker)
        async with self.queue(target) as queue, self.client.consumer(target, queue, lambda _: None):
            with pytest.raises(UnsupportedError, match=r"no shared subscriptions"):
                async with self.client.consumer(target, queue, lambda _: None):
                    pass


@asynccontextmanager
async def over_tls() -> AsyncIterator[str]:
    """The URL of a mosquitto that listens for TLS only, with the tests' certificate."""
    found = next(each for each in list_brokers() if (each.origin, each.kind) == ("native", "mosquitto"))
    if not found.available:
        assert os.environ.get("CI") != "true", found.detail
        pytest.skip(found.detail)
    (port,), folder = free_ports(1), new_folder("mosquitto-tls")
    lines = (
        f"listener {port} 127.0.0.1",
        f"certfile {CERTIFICATE}",
        f"keyfile {CERTIFICATE}",
        "allow_anonymous true",
        "user root",
    )
    command = Command(argv=[installed()[0], "-c", str(folder / "mosquitto.conf")], env={})
    async with supervised(
        "mosquitto", command, files={"mosquitto.conf": "\n".join(lines)}, folder=folder
    ) as held:
        address = MqttAddress(tls=True, host="127.0.0.1", port=port)
        await until_ready(partial(log_in, address), held.last_words, LIMIT_S)
        yield address.url


# paho leaves the socket of a TLS connection that it refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning")
@pytest.mark.parametrize("adapter", ["aiomqtt", "gmqtt"])
async def test_it_speaks_through_tls_to_whom_it_trusts(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = type(asyncio.get_running_loop()).__module__
    if adapter == "gmqtt" and loop.startswith("rloop"):
        pytest.skip("rloop 0.5 has no TLS: its create_connection raises NotImplementedError")
    client: Client = import_module(f"bench.clients.{adapter}").CLIENT
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    seen: list[bytes] = []
    with aside(over_tls()) as (url, _):
        target = Target(
            url=url, guarantee="at-least-once", prefetch=10, in_flight=1, ack_every=1, persistent=False
        )
        async with (
            client.topology(target, ["tls"]),
            client.producer(target, "tls") as publish,
            client.consumer(target, "tls", seen.append),
        ):
            await awaited(publish, client.abilities.publishing)(b"in secret")
            await until(lambda: bool(seen), lambda: "nothing came")
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises((MqttError, ExceptionGroup)) as refused:  # gmqtt's is in a group of ours
            async with client.topology(target, ["tls"]):
                pass
    assert "CERTIFICATE_VERIFY_FAILED" in describe(refused.value)
    assert seen == [b"in secret"]


class TestAiomqtt(Mqtt):
    adapter = "aiomqtt"


class TestGmqtt(Mqtt):
    adapter = "gmqtt"
