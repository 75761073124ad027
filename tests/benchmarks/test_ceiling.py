"""The harness alone: its ceiling, its memory over millions of messages, what a case costs. Reports."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.engine.local import LocalEngine
from bench.loops import LOOPS
from bench.scenario import Scenario

MILLION = 1_000_000


async def memory_worker(loop: str, messages: int) -> tuple[float, int]:
    """Verified messages a second, folding and checking included, and the worker's peak memory in bytes."""
    order = {
        "do": "connect",
        "adapter": "memory",
        "loop": loop,
        "url": "memory://",
        "queues": ["queue"],
        "scenario": Scenario().to_json(),
        "limit_s": 20,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 20)
        await worker.ask({"do": "warm-up"}, 20)
        count, began = 50_000, time.monotonic()
        for _ in range(messages // count):
            answer = await worker.ask({"do": "slice", "messages": count}, 60)
            assert answer["sample"]["account"]["received"] == count
        rate_per_s = messages / (time.monotonic() - began)
        closed = await worker.ask({"do": "close"}, 20)
    return rate_per_s, closed["closed"]["peak_rss_bytes"]


@pytest.mark.parametrize("loop", [name for name, loop in LOOPS.items() if loop.missing() is None])
async def test_ceiling_of_one_process(benchmark: Any, loop: str) -> None:
    rate_per_s, _ = await memory_worker(loop, 2 * MILLION)
    benchmark.extra_info["verified_per_s"] = rate_per_s
    benchmark(lambda: None)
    print(f"\nmemory client on {loop}: {rate_per_s:,.0f} verified messages/s, checking and latency included")


async def test_memory_over_millions_of_messages(benchmark: Any) -> None:
    _, short = await memory_worker("asyncio", MILLION)
    _, long = await memory_worker("asyncio", 20 * MILLION)
    grown = (long - short) / 2**20
    benchmark.extra_info["grown_mib"] = grown
    benchmark(lambda: None)
    print(f"\npeak RSS after 1 million messages {short / 2**20:.1f} MiB, after 20 million {grown:+.1f}")


def test_what_a_case_costs_beyond_its_slices(benchmark: Any, tmp_path: Path) -> None:
    words = [
        "run",
        "--broker",
        "embedded",
        "--rounds",
        "3",
        "--output",
        str(tmp_path / "run"),
        "--format",
        "json",
    ]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "bench", *words], check=True, capture_output=True)
    whole_s = time.monotonic() - began
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    measured_s = float((trials["elapsed_s"] + trials["warmup_s"]).sum())
    each_s = (whole_s - measured_s) / len(trials)
    benchmark.extra_info |= {"each_s": each_s, "run": json.dumps(words)}
    benchmark(lambda: None)
    print(f"\na case costs {each_s:.2f} s beyond its slices and warm-up ({len(trials)} in {whole_s:.0f} s)")
