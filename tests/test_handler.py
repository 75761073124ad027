"""What consumers do with messages: its text both ways, the times that are drawn, and that they are taken."""

from __future__ import annotations

import sys
from itertools import islice
from math import log
from statistics import fmean
from typing import Any

import pytest

from bench import Handler, Scenario
from bench.engine.local import LocalEngine
from bench.errors import ScenarioError
from bench.handler import PERIOD

EXPONENTIAL = Handler.parse("sleep:2ms~exponential")
EVEN = Handler.parse("cpu:1ms-9ms")


def first(handler: Handler, count: int, seed: object = 7) -> list[float]:
    return list(islice(handler.times_s(seed), count))


@pytest.mark.parametrize(
    ("text", "mean_us"),
    [
        ("sleep:5ms", 5000.0),
        ("cpu:50us", 50.0),
        ("sleep:0.25s", 250_000.0),
        ("cpu:1ms-9ms", 5000.0),
        ("sleep:100us-1s", 500_050.0),
        ("sleep:2ms~exponential", 2000.0),
    ],
)
def test_a_handler_is_written_with_its_unit(text: str, mean_us: float) -> None:
    handler = Handler.parse(text)
    assert handler.mean_us == mean_us
    assert Handler.parse(str(handler)) == handler
    assert Scenario.from_json(Scenario(handler=handler).to_json()).handler == handler


@pytest.mark.parametrize(
    "text",
    [
        "sleep",
        "sleep:5",
        "nap:5ms",
        "sleep:0ms",
        "",
        "cpu:-1us",
        "sleep:1-5ms",
        "sleep:5ms~",
        "sleep:5ms~normal",
        "sleep:0ms~exponential",
        "sleep:1ms-5ms~exponential",
    ],
)
def test_a_handler_that_is_not_understood_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ScenarioError, match="handler must be none, sleep:TIME or cpu:TIME, where TIME is"):
        Handler.parse(text)


@pytest.mark.parametrize("text", ["sleep:5ms-1ms", "sleep:1ms-1ms"])
def test_a_range_of_times_ends_after_it_begins(text: str) -> None:
    with pytest.raises(ScenarioError, match="must be a range of times that ends after it begins"):
        Handler.parse(text)


def test_a_given_time_is_that_of_every_message() -> None:
    assert first(Handler.parse("cpu:50us"), 3) == [5e-5] * 3


@pytest.mark.parametrize("handler", [EXPONENTIAL, EVEN], ids=str)
def test_drawn_times_have_the_stated_mean(handler: Handler) -> None:
    assert fmean(first(handler, PERIOD)) == pytest.approx(handler.mean_us / 1e6, rel=0.005)
    assert fmean(first(handler, 128)) == pytest.approx(handler.mean_us / 1e6, rel=0.03)


def test_every_time_of_a_range_is_as_likely_as_the_next() -> None:
    times = sorted(first(EVEN, PERIOD))
    assert 1e-3 <= times[0] < times[-1] <= 9e-3
    for share in (0.1, 0.25, 0.5, 0.9):
        assert times[int(share * PERIOD)] == pytest.approx(1e-3 + share * 8e-3, rel=0.01)


def test_exponential_times_are_distributed_as_their_name_says() -> None:
    times = sorted(first(EXPONENTIAL, PERIOD))
    for share in (0.1, 0.5, 0.9, 0.99):
        assert times[int(share * PERIOD)] == pytest.approx(-2e-3 * log(1 - share), rel=0.03)
    assert times[0] >= 0


@pytest.mark.parametrize("handler", [EXPONENTIAL, EVEN], ids=str)
def test_the_same_seed_draws_the_same_times_and_another_others(handler: Handler) -> None:
    assert first(handler, 500) == first(handler, 500) != first(handler, 500, seed=8)


def test_the_times_of_a_seed_stay_what_they_are() -> None:
    assert [round(1e6 * time_s) for time_s in first(EXPONENTIAL, 6, seed=5)] == [
        3029,
        6154,
        127,
        953,
        2826,
        3961,
    ]


async def samples_of(scenario: Scenario, messages: int) -> list[dict[str, Any]]:
    """Two turns of the memory client in a worker of its own."""
    order = {
        "do": "connect",
        "adapter": "memory",
        "loop": "asyncio",
        "url": "memory://",
        "queues": ["queue"],
        "scenario": scenario.to_json(),
        "limit_s": 5.0,
        "seed": 11,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 20)
        await worker.ask({"do": "warm-up"}, 20)
        samples = [(await worker.ask({"do": "slice", "messages": messages}, 20))["sample"] for _ in range(2)]
        await worker.ask({"do": "close"}, 20)
    return samples


@pytest.mark.parametrize("text", ["cpu:1ms-5ms", "cpu:3ms~exponential"])
async def test_a_computing_handler_costs_the_worker_the_times_that_were_drawn(text: str) -> None:
    """Turn by turn, from the first time on: whatever number of messages the warm-up had."""
    handler = Handler.parse(text)
    drawn = first(handler, 40, seed=11)
    samples = await samples_of(Scenario(handler=handler, in_flight=1, warmup_s=0.05), 20)
    for sample, wanted in zip(samples, (drawn[:20], drawn[20:]), strict=True):
        taken = sample["usage"]["cpu_user_s"] + sample["usage"]["cpu_system_s"]
        assert sum(wanted) - 0.002 <= taken <= sum(wanted) + 0.03


async def test_a_sleeping_handler_waits_for_the_times_that_were_drawn() -> None:
    handler = Handler.parse("sleep:2ms-10ms")
    scenario = Scenario(handler=handler, in_flight=1, prefetch=1, consumers=1, warmup_s=0.05)
    drawn = first(handler, 30, seed=11)
    for sample, wanted in zip(await samples_of(scenario, 15), (drawn[:15], drawn[15:]), strict=True):
        assert sample["elapsed_s"] >= sum(wanted) * 0.99
        assert sample["account"]["lost"] == sample["account"]["duplicated"] == 0
