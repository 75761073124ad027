"""Loads that are not closed, in a real worker: what is due is sent and found again, and lateness is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench import Schedule
from bench.driver.alarm import Alarm
from bench.driver.pacing import Room
from bench.engine.local import LocalEngine
from bench.errors import StalledError
from bench.handler import Handler
from bench.histogram import Histogram
from bench.loops import factory
from bench.scenario import Scenario


async def drive(
    scenario: Scenario,
    *messages: int,
    adapter: str = "memory",
    loop: str = "asyncio",
    limit_s: float = 1.0,
    url: str = "memory://",
) -> list[dict[str, Any]]:
    """The samples of turns of so many messages each."""
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": loop,
        "url": url,
        "queues": [f"open-load-{index}" for index in range(scenario.queues)],
        "scenario": scenario.to_json(),
        "limit_s": limit_s,
        "seed": 11,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 20)
        samples = [(await worker.ask({"do": "slice", "messages": count}, 30))["sample"] for count in messages]
        await worker.ask({"do": "close"}, 20)
    return samples


def surprises(samples: list[dict[str, Any]]) -> dict[str, int]:
    names = ("lost", "duplicated", "reordered", "corrupted")
    return {name: total for name in names if (total := sum(sample["account"][name] for sample in samples))}


def rate_per_s(sample: dict[str, Any]) -> float:
    return float(sample["account"]["received"] / sample["elapsed_s"])


@pytest.mark.parametrize(("rate", "count"), [(1.0, 3), (100.0, 200), (1000.0, 4000), (5000.0, 25_000)])
async def test_a_rate_is_held(rate: float, count: int) -> None:
    (sample,) = await drive(Scenario(rate_per_s=rate), count)
    assert surprises([sample]) == {}
    assert count / sample["offered"]["scheduled_s"] == pytest.approx(rate, rel=1e-6)
    assert rate_per_s(sample) == pytest.approx(rate, rel=0.005)


@pytest.mark.parametrize(
    ("loop", "values"),
    [
        ("asyncio", {"rate_per_s": 3000.0}),
        ("asyncio", {"rate_per_s": 3000.0, "max_outstanding": 150}),
        ("uvloop", {"schedule": Schedule.parse("1000:100ms+1000-5000:200ms")}),
        ("uvloop", {"max_outstanding": 150}),
        ("rloop", {"rate_per_s": 3000.0, "arrivals": "poisson"}),
    ],
)
async def test_every_message_is_accounted_for_in_every_turn(loop: str, values: dict[str, Any]) -> None:
    scenario = Scenario(producers=3, consumers=4, queues=2, **values)
    samples = await drive(scenario, 500, 700, loop=loop)
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [500, 700]
    assert [sample["confirmed"] for sample in samples] == [500, 700]
    assert [sum(sample["latency"][1::2]) for sample in samples] == [500, 700]


@pytest.mark.parametrize("adapter", ["lanes", "futures", "callbacks"])
async def test_every_form_of_publishing_can_be_paced(faulty: Callable[[str], str], adapter: str) -> None:
    scenario = Scenario(producers=2, rate_per_s=3000, arrivals="poisson")
    samples = await drive(scenario, 500, 501, adapter=faulty(adapter))
    assert surprises(samples) == {}
    assert [sample["confirmed"] for sample in samples] == [500, 501]


@pytest.mark.parametrize(
    ("adapter", "surprise"),
    [
        ("loses", {"lost": 2}),
        ("duplicates", {"duplicated"}),
        ("corrupts", {"corrupted": 2}),
        ("reorders", {"reordered": 2}),
    ],
)
async def test_what_goes_wrong_is_found_at_a_rate_as_well(
    faulty: Callable[[str], str], adapter: str, surprise: Any
) -> None:
    samples = await drive(Scenario(rate_per_s=3000), 600, adapter=faulty(adapter), limit_s=0.5)
    found = surprises(samples)
    assert (set(found) if isinstance(surprise, set) else found) == surprise


async def test_a_publish_that_never_returns_is_a_stall_at_a_rate_as_well(
    faulty: Callable[[str], str],
) -> None:
    with pytest.raises(StalledError, match=r"publishing stood still for 0\.5 s"):
        await drive(Scenario(rate_per_s=2000), 600, 600, 600, adapter=faulty("stalls"), limit_s=0.5)


async def test_waiting_for_the_next_message_is_no_stall() -> None:
    (sample,) = await drive(Scenario(rate_per_s=2.0), 3, limit_s=0.2)
    assert sample["account"]["received"] == 3


async def test_latency_counts_from_when_a_message_was_due_and_not_from_when_a_lane_was_free() -> None:
    """One lane, whose publish waits for a consumer that takes 5 ms: 200 a second, and 400 are due."""
    scenario = Scenario(
        in_flight=1, prefetch=1, rate_per_s=400, handler=Handler.parse("sleep:5ms"), guarantee="at-least-once"
    )
    (sample,) = await drive(scenario, 200)
    corrected = Histogram.from_pairs(sample["latency"])
    uncorrected = Histogram.from_pairs(sample["offered"]["uncorrected"])
    last_due_ms, all_handled_ms = 200 / 400 * 1e3, 200 * 5
    assert corrected.maximum / 1e3 >= 0.9 * (all_handled_ms - last_due_ms)
    assert uncorrected.percentile(99) < corrected.percentile(50)
    assert sample["offered"]["overruns"] >= 150


async def test_no_more_messages_are_under_way_than_may_be() -> None:
    """A consumer is busy for 1 ms with each message: of 400 under way the last waits for 400."""
    free = Scenario(in_flight=20, prefetch=1000, handler=Handler.parse("cpu:1ms"))
    longest = []
    for scenario in (free, free.with_fields({"max_outstanding": 20})):
        (sample,) = await drive(scenario, 400)
        assert surprises([sample]) == {}
        longest.append(Histogram.from_pairs(sample["latency"]).maximum)
    assert longest[1] * 4 < longest[0]


async def test_room_is_given_to_those_who_wait_in_their_order() -> None:
    room, entered = Room(2), []

    async def enter(name: int) -> None:
        await room.take()
        entered.append(name)

    tasks = [asyncio.create_task(enter(name)) for name in range(5)]
    await asyncio.sleep(0)
    assert entered == [0, 1]
    tasks[2].cancel()  # it waits no longer, so that what it waited for is the next one's
    room.give()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert entered == [0, 1, 3]
    room.give()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == [0, 1, 3, 4]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_alarm_never_rings_before_its_time(loop: str) -> None:
    async def rings() -> list[int]:
        clock, early = time.monotonic_ns, []
        for wait_ns in (300_000, 1_700_000, 0, 2_300_000):
            rung = asyncio.Event()
            with Alarm(rung.set, clock) as alarm:
                at_ns = clock() + wait_ns
                alarm.set(at_ns)
                await rung.wait()
                early.append(at_ns - clock())
        return early

    with asyncio.Runner(loop_factory=factory(loop)) as runner:
        assert max(runner.run(rings())) <= 0


def test_a_comparison_of_rates_refuses_a_load_whose_rate_is_given(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    found = command("ab", "prefetch=10", "prefetch=100", "--client", "memory", "--set", "rate_per_s=9")
    assert found.returncode == 2
    assert "the load of headline is open: its rate is given, and mqbench ab compares rates" in found.stderr
