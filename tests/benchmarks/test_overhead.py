"""What the harness costs: its throughput over that of a hand-written loop. Reports, never judges.

The interval is that of the median over pairs, by the order statistics (scipy's ``quantile_test``); both sides
live in one process, so a pair shares all that a process has by luck. Beside it, where valgrind is: how many
instructions a message takes by hand, over those through the harness, each message waiting for the one before,
against an embedded broker. How fast the machine is and what else runs is hardly in that figure.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import counted
import minimal
import pytest
from scipy import stats

from bench.brokers import open_broker
from bench.errors import UsageError
from bench.gauges import Gauges
from bench.instructions import callgrind
from bench.loops import LOOPS, factory
from bench.scenario import Scenario
from bench.worker import load

HERE = Path(__file__).parent
SCENARIO = Scenario()
PAIRS = 80
SLICE_S = 0.15
SIDE_S = 300
"""How long one side may take under callgrind, which makes it some fifty times slower."""


async def paired_ratios(client: str, url: str) -> list[float]:
    """Harness over hand-written, one ratio for each pair of slices, the order within a pair drawn."""
    with Gauges(time.monotonic_ns) as gauges:
        driver = counted.driver_of(client, url, SCENARIO, gauges, limit_s=20)
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


def instructions_per_message(side: str, client: str, url: str, folder: Path) -> float:
    """In a fresh process under callgrind: the slope between two counts of messages, median of the repeats."""
    program = [sys.executable, str(HERE / "counted.py"), side, client, "asyncio", url]
    variables = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(HERE.parent.parent)}
    environment = {**os.environ, **variables}
    subprocess.run([*callgrind.prefix(folder), *program], env=environment, check=True, timeout=SIDE_S)
    totals = [callgrind.total(part) for part in callgrind.stretches(folder)[1:]]
    pairs = zip(totals[::2], totals[1::2], strict=True)
    return statistics.median(more - fewer for fewer, more in pairs) / (counted.MORE - counted.FEWER)


@pytest.mark.timeout(2 * SIDE_S + 60)
@pytest.mark.parametrize("client", sorted(minimal.LOOPS))
def test_instructions_over_a_hand_written_loop(benchmark: Any, client: str, tmp_path: Path) -> None:
    if not minimal.installed(client):
        pytest.skip(f"{client} is not installed in this environment")
    try:
        callgrind.check()
    except UsageError as error:
        pytest.skip(str(error))
    found = {}

    async def measured() -> None:
        async with open_broker("embedded", load(client).abilities.protocol) as broker:
            for side in counted.SIDES:
                (folder := tmp_path / side).mkdir()
                found[side] = await asyncio.to_thread(
                    instructions_per_message, side, client, broker.url, folder
                )

    benchmark.pedantic(lambda: asyncio.run(measured()), rounds=1)
    by_hand, harness = found["by-hand"], found["harness"]
    benchmark.extra_info |= {"instructions_by_hand": by_hand, "instructions": harness}
    print(
        f"\n{client}: {harness:,.0f} instructions a message, by hand {by_hand:,.0f}, "
        f"by hand / harness {by_hand / harness:.3f}"
    )
