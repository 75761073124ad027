"""The clients under test, and a C client, get from the broker what they would get from RabbitMQ."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from .peers import WAIT_S

if TYPE_CHECKING:
    from .peers import BrokerProcess

COUNT = 500


def amqp_tool(
    broker: BrokerProcess, name: str, *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs one of amqp-tools, which stand on librabbitmq."""
    if shutil.which(name) is None:
        reason = f"{name} is not installed (Debian: amqp-tools)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} (CI must have it)")
        pytest.skip(reason)
    return subprocess.run(
        [name, "--server=127.0.0.1", f"--port={broker.port}", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )


def test_amqp_tools_declare_publish_get_and_delete(broker: BrokerProcess) -> None:
    declared = amqp_tool(broker, "amqp-declare-queue", "-q", "tools", "-d")
    assert (declared.returncode, declared.stdout.strip()) == (0, "tools")
    published = amqp_tool(
        broker, "amqp-publish", "-r", "tools", "-p", "-C", "text/plain", "-b", "from librabbitmq"
    )
    assert (published.returncode, published.stderr) == (0, "")
    assert amqp_tool(broker, "amqp-get", "-q", "tools").stdout == "from librabbitmq"
    assert amqp_tool(broker, "amqp-get", "-q", "tools").returncode == 2  # empty
    assert amqp_tool(broker, "amqp-delete-queue", "-q", "tools").stdout.strip() == "0"


def test_amqp_consume_takes_messages_in_order(broker: BrokerProcess) -> None:
    assert amqp_tool(broker, "amqp-declare-queue", "-q", "tools").returncode == 0
    lines = "".join(f"line {number}\n" for number in range(20))
    assert amqp_tool(broker, "amqp-publish", "-r", "tools", "-l", stdin=lines).returncode == 0
    consumed = amqp_tool(broker, "amqp-consume", "-q", "tools", "-p", "5", "-c", "20", "cat")
    assert (consumed.returncode, consumed.stdout.splitlines()) == (0, lines.splitlines())
    amqp_tool(broker, "amqp-delete-queue", "-q", "tools")


def test_amqp_tools_are_told_of_a_missing_queue(broker: BrokerProcess) -> None:
    missing = amqp_tool(broker, "amqp-get", "-q", "nowhere")
    assert missing.returncode != 0
    assert "404" in missing.stderr


async def test_aio_pika_publishes_confirms_consumes_and_acks(broker: BrokerProcess) -> None:
    import aio_pika

    received: list[bytes] = []
    done = asyncio.Event()

    async def handle(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        received.append(message.body)
        await message.ack()
        if len(received) == COUNT:
            done.set()

    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(exclusive=True)
        tag = await queue.consume(handle)
        publish = channel.default_exchange.publish
        await asyncio.gather(
            *(publish(aio_pika.Message(str(number).encode()), queue.name) for number in range(COUNT))
        )
        async with asyncio.timeout(WAIT_S):
            await done.wait()
        await queue.cancel(tag)
    assert received == [str(number).encode() for number in range(COUNT)]


async def test_aio_pika_is_told_what_is_returned(broker: BrokerProcess) -> None:
    import aio_pika
    import aio_pika.exceptions

    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel(on_return_raises=True)
        with pytest.raises(aio_pika.exceptions.PublishError):
            await channel.default_exchange.publish(aio_pika.Message(b"x"), "nowhere")


async def test_aio_pika_topic_exchange(broker: BrokerProcess) -> None:
    import aio_pika

    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("weather", aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "*.rain.#")
        for key in ("north.rain", "north.sun", "south.rain.heavy"):
            await exchange.publish(aio_pika.Message(key.encode()), key)
        got = [await queue.get(no_ack=True) for _ in range(2)]
        assert [message.body for message in got] == [b"north.rain", b"south.rain.heavy"]


async def test_aioamqp_publishes_confirms_consumes_and_acks(broker: BrokerProcess) -> None:
    import aioamqp

    received: list[bytes] = []
    done = asyncio.Event()

    async def handle(channel: Any, body: bytes, envelope: Any, _: Any) -> None:
        received.append(body)
        await channel.basic_client_ack(envelope.delivery_tag)
        if len(received) == COUNT:
            done.set()

    transport, protocol = await aioamqp.from_url(broker.url)
    channel = await protocol.channel()
    await channel.basic_qos(prefetch_count=10)
    queue = (await channel.queue_declare("", exclusive=True))["queue"]
    await channel.basic_consume(handle, queue)
    publisher = await protocol.channel()
    await publisher.confirm_select()
    for number in range(COUNT):
        await publisher.publish(str(number).encode(), "", queue)
    async with asyncio.timeout(WAIT_S):
        await done.wait()
    await protocol.close()
    transport.close()
    assert received == [str(number).encode() for number in range(COUNT)]
