"""What the harness costs: its throughput over that of a hand-written loop. Reports, never judges.

The interval is that of the median over pairs, by the order statistics (scipy's ``quantile_test``); both sides
live in one process, so a pair shares all that a process has by luck.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from typing import Any

import minimal
import pytest
from scipy import stats

from bench.brokers import open_broker
from bench.client import Target
from bench.driver import Driver
from bench.gauges import Gauges
from bench.loops import LOOPS, factory
from bench.scenario import Scenario
from bench.worker import load

SCENARIO = Scenario()
PAIRS = 80
SLICE_S = 0.15


async def paired_ratios(client: str, url: str) -> list[float]:
    """Harness over hand-written, one ratio for each pair of slices, the order within a pair drawn."""
    target = Target(
        url=url,
        guarantee=SCENARIO.guarantee,
        prefetch=SCENARIO.prefetch,
        in_flight=SCENARIO.in_flight,
        ack_every=SCENARIO.ack_every,
        persistent=SCENARIO.persistent,
    )
    with Gauges(time.monotonic_ns) as gauges:
        driver = Driver(
            load(client),
            target,
            SCENARIO,
            ["overhead-harness"],
            clock=time.monotonic_ns,
            gauges=gauges,
            limit_s=20,
        )
        async with driver.connected(), minimal.by_hand(client)(url, "overhead-minimal", SCENARIO) as send:
            rate_per_s, _ = await driver.warm_up()
            count = round(rate_per_s * SLICE_S)
            await send(count)

            async def by_hand() -> float:
                began = time.monotonic()
                await send(count)
                return count / (time.monotonic() - began)

            async def by_harness() -> float:
                return (await driver.slice(count)).rate_per_s

            ratios = []
            for _ in range(PAIRS):
                rates = {}
                for side in random.sample((by_hand, by_harness), 2):
                    rates[side.__name__] = await side()
                ratios.append(rates["by_harness"] / rates["by_hand"])
    return ratios


# rloop 0.5 leaves the two ends of its own wake-up pipe to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket.socket fd=[0-9]+, family=1, type=1:ResourceWarning")
@pytest.mark.parametrize("loop", [name for name, loop in LOOPS.items() if loop.missing() is None])
@pytest.mark.parametrize("client", sorted(minimal.LOOPS))
def test_overhead_over_a_hand_written_loop(benchmark: Any, client: str, loop: str) -> None:
    if not minimal.installed(client):
        pytest.skip(f"{client} is not installed in this environment")

    async def measured() -> list[float]:
        async with open_broker("auto", load(client).abilities.protocol) as broker:
            return await paired_ratios(client, broker.url)

    def run() -> list[float]:
        with asyncio.Runner(loop_factory=factory(loop)) as runner:
            return runner.run(measured())

    ratios = benchmark.pedantic(run, rounds=1)
    middle = statistics.median(ratios)
    interval: Any = stats.quantile_test(ratios, q=1, p=0.5).confidence_interval(0.95)
    low, high = float(interval.low), float(interval.high)
    benchmark.extra_info |= {"ratio": middle, "interval": [low, high], "pairs": len(ratios)}
    print(f"\n{client} on {loop}: harness / hand-written {middle:.3f} [{low:.3f}, {high:.3f}], {PAIRS} pairs")
