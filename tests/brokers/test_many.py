"""Many connections of one worker: each message accounted for, and none of them stays behind."""

from __future__ import annotations

import os
import sys
import time

import pytest

from bench.brokers import Broker
from bench.engine.local import LocalEngine
from bench.scenario import Scenario

from .conftest import eventually
from .test_churn import connections

MANY = Scenario(producers=150, consumers=150, in_flight=1)


async def check_many(broker: Broker) -> None:
    before = connections(broker.pids)
    order = {
        "do": "connect",
        "adapter": "aio_pika",
        "loop": "asyncio",
        "url": broker.url,
        "queues": [f"mqbench-many-{os.getpid()}-{time.monotonic_ns()}"],
        "scenario": MANY.to_json(),
        "limit_s": 10.0,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 90)
        sample = (await worker.ask({"do": "slice", "messages": 600}, 60))["sample"]
        assert connections(broker.pids) >= before + MANY.producers + MANY.consumers
        await worker.ask({"do": "close"}, 60)
    assert sample["account"]["received"] == sample["confirmed"] == 600
    await eventually(lambda: connections(broker.pids) <= before)


async def test_the_embedded_broker_and_one_worker_hold_hundreds_of_connections(stand: Broker) -> None:
    await check_many(stand)


@pytest.mark.real_broker
async def test_rabbitmq_and_one_worker_hold_hundreds_of_connections(node: Broker) -> None:
    await check_many(node)
