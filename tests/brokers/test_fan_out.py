"""Fan-out over real brokers: consumers x messages, exactly."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import pytest

from bench.brokers import Broker
from bench.client import Abilities
from bench.engine.local import LocalEngine
from bench.scenario import Scenario

ADAPTERS = ["aio_pika", "aiormq", "aioamqp", "pika"]
CONSUMERS, MESSAGES = 3, 300


async def fanned_out(adapter: str, url: str, **values: Any) -> list[dict[str, Any]]:
    scenario = Scenario(fan_out=True, consumers=CONSUMERS, producers=2, in_flight=10, **values)
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": "asyncio",
        "url": url,
        "queues": [f"mqbench-fan-out-{os.getpid()}-{time.monotonic_ns()}"],
        "scenario": scenario.to_json(),
        "limit_s": 5.0,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 30)
        samples = [(await worker.ask({"do": "slice", "messages": MESSAGES}, 30))["sample"] for _ in range(2)]
        await worker.ask({"do": "close"}, 20)
    return samples


def check(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        assert sample["account"] == {
            "received": CONSUMERS * MESSAGES,
            "lost": 0,
            "duplicated": 0,
            "reordered": 0,
            "corrupted": 0,
            "requeued": 0,
        }
        assert sample["consumed"] == [MESSAGES] * CONSUMERS
        assert sample["sent"] == MESSAGES


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_each_consumer_gets_each_message(stand: Broker, adapter: str) -> None:
    check(await fanned_out(adapter, stand.url))


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_each_consumer_gets_each_message_at_a_rate(stand: Broker, adapter: str) -> None:
    samples = await fanned_out(adapter, stand.url, rate_per_s=1000.0)
    check(samples)
    for sample in samples:
        assert sum(sample["latency"][1::2]) == sum(sample["offered"]["uncorrected"][1::2]) == 900


@pytest.mark.real_broker
@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_each_consumer_of_rabbitmq_gets_each_message(node: Broker, adapter: str) -> None:
    check(await fanned_out(adapter, node.url, guarantee="at-most-once"))


def test_a_client_that_cannot_is_skipped_with_that_reason() -> None:
    abilities = Abilities(distribution="unicast", protocol="amqp")
    reason = abilities.shortfall(Scenario(fan_out=True, consumers=2))
    assert reason == "unicast cannot give every consumer every message (fan_out=true)"
