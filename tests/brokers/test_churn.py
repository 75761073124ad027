"""Churn: a connection for each message, none of which stays behind."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import psutil
import pytest

from bench.brokers import Broker
from bench.engine.local import LocalEngine
from bench.scenario import Scenario

from .delaying import delaying

MESSAGES = 60


def connections(pids: Any) -> int:
    """How many TCP connections these processes hold, in whatever state a process can hold one."""
    return sum(len(psutil.Process(pid).net_connections(kind="tcp")) for pid in pids)


async def churned(adapter: str, url: str, *, loop: str = "asyncio") -> tuple[dict[str, Any], list[int]]:
    """A turn with a connection for each message; and how many connections the worker had around it."""
    scenario = Scenario(churn=True, in_flight=4, producers=2, consumers=2, warmup_s=0.05)
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": loop,
        "url": url,
        "queues": [f"mqbench-churn-{os.getpid()}-{time.monotonic_ns()}"],
        "scenario": scenario.to_json(),
        "limit_s": 5.0,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 30)
        around = [connections(worker.pids)]
        sample = (await worker.ask({"do": "slice", "messages": MESSAGES}, 30))["sample"]
        around.append(connections(worker.pids))
        await worker.ask({"do": "close"}, 20)
    return sample, around


@pytest.mark.parametrize("adapter", ["aio_pika", "aiormq", "aioamqp", "pika"])
async def test_each_message_has_a_connection_and_none_is_left(stand: Broker, adapter: str) -> None:
    with delaying(stand.url, 0.0) as through:
        sample, around = await churned(adapter, through.url)
        made = through.connections
    assert sample["account"]["received"] == sample["confirmed"] == MESSAGES
    assert made >= MESSAGES
    assert around[0] == around[1]


@pytest.mark.real_broker
async def test_rabbitmq_is_left_by_all_but_those_who_stay(node: Broker) -> None:
    sample, around = await churned("aio_pika", node.url, loop="uvloop")
    assert sample["account"]["received"] == sample["confirmed"] == MESSAGES
    assert around[0] == around[1]
