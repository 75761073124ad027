"""Latency against what was done to it: a broker that stood still for a known time, a longer way to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench.brokers import Broker
from bench.engine.local import LocalEngine
from bench.histogram import Histogram, lowest_us
from bench.scenario import Scenario

from .delaying import delaying

# Slow against what the broker can do: the nearer to it, the more the end of a backlog depends on how fast a
# shared machine happens to be just then.
RATE_PER_S, LASTS_S = 150.0, 10.0
STALL_S, LATE_MS = 0.5, 150.0


@asynccontextmanager
async def working(url: str, scenario: Scenario) -> AsyncIterator[Callable[[int], Awaitable[dict[str, Any]]]]:
    """Yields what makes a turn of so many messages with aio-pika, and gives its sample; warmed up."""
    order = {
        "do": "connect",
        "adapter": "aio_pika",
        "loop": "asyncio",
        "url": url,
        "queues": [f"mqbench-latency-{os.getpid()}-{time.monotonic_ns()}"],
        "scenario": scenario.to_json(),
        "limit_s": 10.0,
        "seed": 1,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 30)
        await worker.ask({"do": "warm-up"}, 30)

        async def turn(count: int) -> dict[str, Any]:
            sample: dict[str, Any] = (await worker.ask({"do": "slice", "messages": count}, 60))["sample"]
            return sample

        yield turn
        await worker.ask({"do": "close"}, 20)


async def stall(pids: tuple[int, ...], after_s: float) -> float:
    """Stops the processes for half a second; returns how long they really stood still, in milliseconds."""
    await asyncio.sleep(after_s)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        began_s = time.monotonic()
        await asyncio.sleep(STALL_S)
    finally:
        ended_s = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    return (ended_s - began_s) * 1e3


def over(histogram: Histogram, limit_ms: float) -> int:
    """How many samples are longer than that."""
    return sum(count for index, count in histogram.counts.items() if lowest_us(index) > limit_ms * 1e3)


async def capacity_per_s(url: str, scenario: Scenario) -> float:
    """What the same lanes reach when nothing holds them: so fast a backlog is sent."""
    async with working(url, scenario.with_fields({"rate_per_s": None})) as turn:
        sample = await turn(2000)
    return float(sample["account"]["received"] / sample["elapsed_s"])


async def check_a_stall_is_seen(broker: Broker) -> None:
    """A message that was due ``t`` after the stall began waits for its end, and for the backlog before it.

    At capacity ``c`` and rate ``r`` that is ``stall - t * (1 - r / c)``, so that those are later than
    ``late`` that were due in the first ``(stall - late) / (1 - r / c)`` of it. Capacity is the least certain:
    what a broker has not had to do for a while it does faster than all the time, at most at once.
    """
    scenario = Scenario(rate_per_s=RATE_PER_S, in_flight=5, warmup_s=0.5)
    count = round(RATE_PER_S * LASTS_S)
    capacity = await capacity_per_s(broker.url, scenario)
    async with working(broker.url, scenario) as turn:
        stall_ms, sample = await asyncio.gather(stall(broker.pids, LASTS_S / 2), turn(count))
    corrected = Histogram.from_pairs(sample["latency"])
    uncorrected = Histogram.from_pairs(sample["offered"]["uncorrected"])
    assert sample["account"] == {
        "received": count,
        "lost": 0,
        "duplicated": 0,
        "reordered": 0,
        "corrupted": 0,
        "requeued": 0,
    }
    assert corrected.maximum / 1e3 >= 480
    at_once = RATE_PER_S * (stall_ms - LATE_MS) / 1e3
    assert 0.9 * at_once <= over(corrected, LATE_MS) <= 1.1 * at_once / (1 - RATE_PER_S / capacity)
    assert corrected.percentile(99) / 1e3 >= LATE_MS
    assert over(uncorrected, LATE_MS) <= scenario.in_flight * 1.5
    assert uncorrected.percentile(99) < corrected.percentile(99) / 3
    assert sample["offered"]["overruns"] >= over(corrected, LATE_MS) - scenario.in_flight


@pytest.mark.real_broker
async def test_a_stall_of_rabbitmq_is_in_the_latency_and_loses_nothing(node: Broker) -> None:
    await check_a_stall_is_seen(node)


async def test_a_stall_of_the_embedded_broker_is_in_the_latency_and_loses_nothing(stand: Broker) -> None:
    await check_a_stall_is_seen(stand)


async def check_a_shape_at_a_rate(broker: Broker, scenario: Scenario) -> dict[str, Any]:
    """The second of two turns, with every message accounted for and every latency told twice."""
    async with working(broker.url, scenario) as turn:
        samples = [await turn(150), await turn(150)]
    for sample in samples:
        wrong = {name: sample["account"][name] for name in ("lost", "duplicated", "reordered", "corrupted")}
        assert wrong == dict.fromkeys(wrong, 0)
        assert sample["account"]["received"] == sample["sent"] == sample["confirmed"] == 150
        assert sum(sample["latency"][1::2]) == sum(sample["offered"]["uncorrected"][1::2]) == 150
    return samples[1]


ASKING = Scenario(request_reply=True, producers=2, consumers=2, in_flight=5, rate_per_s=150, warmup_s=0.2)
RETURNING = Scenario(requeue_every=7, consumers=2, rate_per_s=300, arrivals="poisson", warmup_s=0.2)


@pytest.mark.real_broker
async def test_rabbitmq_carries_round_trips_and_returned_messages_at_a_rate(node: Broker) -> None:
    await check_a_shape_at_a_rate(node, ASKING)
    returned = (await check_a_shape_at_a_rate(node, RETURNING))["account"]["requeued"]
    assert 150 // 7 <= returned <= 150 // 7 + 1


async def test_the_embedded_broker_carries_round_trips_and_returned_messages_at_a_rate(
    stand: Broker,
) -> None:
    await check_a_shape_at_a_rate(stand, ASKING)
    returned = (await check_a_shape_at_a_rate(stand, RETURNING))["account"]["requeued"]
    assert 150 // 7 <= returned <= 150 // 7 + 1


async def test_a_way_that_takes_five_milliseconds_longer_is_in_every_latency(stand: Broker) -> None:
    """The same proxy with and without delay, in turns: what it costs itself, and what drifts, is in both."""
    scenario = Scenario(rate_per_s=100.0, warmup_s=0.3)
    latencies, confirms = ((Histogram(), Histogram()) for _ in range(2))
    with delaying(stand.url, 0.0) as short, delaying(stand.url, 5.0) as long:
        async with working(short.url, scenario) as at_once, working(long.url, scenario) as later:
            for _ in range(10):
                for place, turn in enumerate((at_once, later)):
                    sample = await turn(40)
                    latencies[place].merge(Histogram.from_pairs(sample["latency"]))
                    confirms[place].merge(Histogram.from_pairs(sample["confirm"]))
        longer_ms = 2 * (long.held_ms - short.held_ms)
    assert longer_ms == pytest.approx(10, abs=0.5)
    for short_way, long_way in (latencies, confirms):
        difference_ms = (long_way.percentile(50) - short_way.percentile(50)) / 1e3
        assert difference_ms == pytest.approx(longer_ms, abs=0.3)


async def test_a_round_trip_takes_the_longer_way_four_times(stand: Broker) -> None:
    """A request goes to the broker and on to a consumer, and its reply back on the same way.

    These are two journeys of a message, each of which agrees within 0.3 ms, as in the tests above. The
    shorter way takes 5 ms, too: a machine that is never idle between two messages is faster than one that is.
    """
    scenario = Scenario(request_reply=True, in_flight=1, warmup_s=0.3)
    round_trips = [Histogram(), Histogram()]
    with delaying(stand.url, 5.0) as short, delaying(stand.url, 10.0) as long:
        async with working(short.url, scenario) as at_once, working(long.url, scenario) as later:
            for _ in range(10):
                for place, turn in enumerate((at_once, later)):
                    round_trips[place].merge(Histogram.from_pairs((await turn(20))["latency"]))
        longer_ms = 4 * (long.held_ms - short.held_ms)
    assert longer_ms == pytest.approx(20, abs=1)
    difference_ms = (round_trips[1].percentile(50) - round_trips[0].percentile(50)) / 1e3
    assert difference_ms == pytest.approx(longer_ms, abs=2 * 0.3)
