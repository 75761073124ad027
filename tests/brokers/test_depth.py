"""How many messages wait in a broker: its own word, while a load goes on and outside of timed stretches."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import pytest

from bench.brokers import Broker, open_broker
from bench.engine.local import LocalEngine
from bench.handler import Handler
from bench.scenario import Scenario

from .conftest import needed

SLOW = Scenario(
    rate_per_s=400, prefetch=1, consumers=1, producers=1, in_flight=20, handler=Handler.parse("sleep:5ms")
)
"""400 messages are due in a second, and its consumer handles 200 at most."""


async def waited(adapter: str, url: str, scenario: Scenario, messages: int) -> Any:
    """What a turn of so many messages says about those that waited, each of which was received."""
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": "asyncio",
        "url": url,
        "queues": [f"mqbench-depth-{os.getpid()}-{time.monotonic_ns()}"],
        "scenario": scenario.to_json(),
        "limit_s": 10.0,
        "seed": 1,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 30)
        sample = (await worker.ask({"do": "slice", "messages": messages}, 60))["sample"]
        await worker.ask({"do": "close"}, 20)
    assert sample["account"]["received"] == messages
    return sample["waiting"]


async def check_what_waits_is_told(adapter: str, broker: Broker) -> None:
    slow = await waited(adapter, broker.url, SLOW, 400)
    assert 180 <= slow["end"] <= slow["most"] <= 400
    fast = SLOW.with_fields({"handler": Handler(), "prefetch": 20, "rate_per_s": 200.0})
    assert (await waited(adapter, broker.url, fast, 300))["end"] <= 60
    filled = await waited(adapter, broker.url, Scenario(measure="publish"), 300)
    assert filled == {"most": 300, "end": 300}
    emptied = await waited(adapter, broker.url, Scenario(measure="consume"), 300)
    assert emptied["most"] == 300
    assert emptied["end"] < 300


@pytest.mark.real_broker
async def test_rabbitmq_says_what_waits_in_it(node: Broker) -> None:
    await check_what_waits_is_told("aio_pika", node)


@pytest.mark.parametrize("adapter", ["aio_pika", "aiormq", "aioamqp", "pika"])
async def test_every_amqp_client_asks_the_embedded_broker_what_waits_in_it(
    stand: Broker, adapter: str
) -> None:
    await check_what_waits_is_told(adapter, stand)


@pytest.mark.parametrize(
    ("adapter", "kind", "protocol"),
    [("nats_py", "nats", "nats"), ("redis", "redis", "redis"), ("aiokafka", "librdkafka-mock", "kafka")],
)
async def test_other_brokers_say_what_waits_in_them(adapter: str, kind: str, protocol: str) -> None:
    needed("embedded", kind)
    async with open_broker(f"embedded:{kind}", protocol) as broker:
        await check_what_waits_is_told(adapter, broker)


async def test_of_a_closed_load_nobody_asks_from_end_to_end(stand: Broker) -> None:
    assert await waited("aio_pika", stand.url, Scenario(), 300) is None


async def test_a_broker_that_nobody_can_ask_leaves_it_empty() -> None:
    """Core NATS keeps no message for anybody, and so has no queue to look at."""
    needed("embedded", "nats")
    plain = Scenario(rate_per_s=200, guarantee="at-most-once")
    async with open_broker("embedded:nats", "nats") as broker:
        assert await waited("nats_py", broker.url, plain, 100) is None
