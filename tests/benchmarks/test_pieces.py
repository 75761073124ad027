"""The hot pieces of the harness, each alone: what a message, a sample or a command costs. Reports."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

from bench.engine.local import LocalEngine
from bench.histogram import Histogram
from bench.payload import STAMP, STAMP_BYTES, Account, Inbox, Ledger, filler, keys
from bench.scenario import Scenario

MESSAGES = 10_000
BODY_BYTES = 1024


def test_payload_checking_ten_thousand_bodies(benchmark: Any) -> None:
    wanted = keys(0, 0, MESSAGES)
    tail = filler(BODY_BYTES)
    bodies = [STAMP.pack(key, 1, key, 1) + tail for key in wanted]

    def prepared() -> tuple[tuple[Ledger, Inbox], dict[str, Any]]:
        ledger, box = Ledger(stamped=True), Inbox(BODY_BYTES)
        ledger.expect([wanted])
        box.bodies.extend(bodies)
        box.received_ns.extend([2] * MESSAGES)
        return (ledger, box), {}

    def settled(ledger: Ledger, box: Inbox) -> Account:
        ledger.settle(box)
        return ledger.close()

    assert benchmark.pedantic(settled, setup=prepared, rounds=50) == Account(received=MESSAGES)
    benchmark.extra_info["messages"] = MESSAGES


def test_histogram_folding_ten_thousand_samples(benchmark: Any) -> None:
    samples = [1000 * (index * 7919 % 1_000_000) for index in range(MESSAGES)]

    def folded() -> Histogram:
        histogram = Histogram()
        histogram.add_all(samples)
        return histogram

    assert benchmark(folded).total == MESSAGES


def test_worker_protocol_of_the_smallest_command(benchmark: Any) -> None:
    order = {
        "do": "connect", "adapter": "memory", "loop": "asyncio", "url": "memory://", "queues": ["queue"],
        "scenario": Scenario(payload_bytes=STAMP_BYTES).to_json(), "limit_s": 20,
    }  # fmt: skip
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        worker = runner.run(stack.enter_async_context(LocalEngine().worker(sys.executable, {})))
        try:
            runner.run(worker.ask(order, 20))
            answer = benchmark(lambda: runner.run(worker.ask({"do": "slice", "messages": 1}, 20)))
            assert answer["sample"]["account"]["received"] == 1
            runner.run(worker.ask({"do": "close"}, 20))
        finally:
            runner.run(stack.aclose())


def test_embedded_broker_under_aioamqp(mqbench: Any) -> None:
    mqbench("headline", client="aioamqp", loop="uvloop", broker="embedded", rounds=3, measure_s=1.0)


def test_harness_over_the_memory_client(mqbench: Any) -> None:
    mqbench("headline", client="memory", rounds=3, measure_s=1.0)
