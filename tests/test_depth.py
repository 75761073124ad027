"""Asking a broker how many messages wait: seldom, one question at a time; and when that is a backlog."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench.driver.depth import PERIOD_S, DepthGauge, Waiting, looking
from bench.errors import StalledError
from bench.scenario import Scenario
from bench.trial import backlog

OPEN = Scenario(rate_per_s=1000, producers=1, consumers=1, in_flight=10, prefetch=20)


class Queue:
    """Says 1, 2, 3, ... after ``takes_s`` each, and knows how many asked at once."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s, self.asked, self.at_once, self.most_at_once = takes_s, 0, 0, 0

    async def depth(self) -> int:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.takes_s)
        self.at_once -= 1
        self.asked += 1
        return self.asked


async def test_the_broker_is_asked_twice_a_second_and_once_more_at_the_end() -> None:
    queue = Queue()
    async with looking(DepthGauge(queue.depth, time.monotonic_ns), 1.0) as look:
        await asyncio.sleep(2.5 * PERIOD_S)
    assert 1 <= queue.asked - 1 <= 2
    assert look.waiting == Waiting(most=queue.asked, end=queue.asked)


async def test_the_end_of_a_turn_is_when_all_was_sent() -> None:
    queue = Queue()
    async with looking(DepthGauge(queue.depth, time.monotonic_ns), 1.0) as look:
        look.ended.set()
        await asyncio.sleep(2.5 * PERIOD_S)
    assert queue.asked == 1


async def test_an_answer_that_takes_long_is_asked_for_less_often() -> None:
    now_ns = 0

    async def depth() -> int:
        nonlocal now_ns
        now_ns += 2_000_000_000
        return 7

    gauge = DepthGauge(depth, lambda: now_ns)
    assert (gauge.cheap, gauge.pause_s) == (True, PERIOD_S)
    assert await gauge.ask() == 7
    assert (gauge.cheap, gauge.pause_s) == (False, 40.0)
    now_ns = 20_000_000_000  # 2 s of 20 are more than a twentieth, but one of them was free
    assert gauge.cheap


async def test_one_question_waits_for_the_one_before() -> None:
    queue = Queue(takes_s=0.02)
    gauge = DepthGauge(queue.depth, time.monotonic_ns)
    assert sorted(await asyncio.gather(gauge.ask(), gauge.ask(), gauge.ask())) == [1, 2, 3]
    assert queue.most_at_once == 1


async def test_a_broker_that_never_answers_is_a_stall() -> None:
    gauge = DepthGauge(Queue(takes_s=60).depth, time.monotonic_ns)
    with pytest.raises(StalledError, match=r"did not say within 0\.1 s how many messages it holds"):
        async with looking(gauge, 0.1):
            pass


async def test_what_goes_wrong_when_the_broker_is_asked_is_raised() -> None:
    async def depth() -> int:
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        async with looking(DepthGauge(depth, time.monotonic_ns), 0.1):
            pass


async def test_without_anybody_to_ask_nothing_was_seen() -> None:
    async with looking(None, 0.1) as look:
        look.ended.set()
    assert look.waiting is None
    assert backlog.columns([]) == {"broker_messages_max": None, "broker_messages_end": None}


def test_a_row_has_the_most_of_all_turns_and_what_usually_waited_at_their_ends() -> None:
    waits = [Waiting(most=most, end=end) for most, end in ((10, 4), (90, 0), (20, 6))]
    assert backlog.columns(waits) == {"broker_messages_max": 90, "broker_messages_end": 4}


@pytest.mark.parametrize(
    ("scenario", "end", "found"),
    [
        (OPEN, 500, 500),
        (OPEN, 30, None),  # so many can be under way
        (OPEN, 31, 31),
        (OPEN.with_fields({"consumers": 3}), 70, None),
        (OPEN.with_fields({"rate_per_s": None}), 500, None),
        (OPEN.with_fields({"rate_per_s": None, "measure": "publish"}), 500, None),
    ],
)
def test_a_backlog_is_more_than_can_be_under_way(scenario: Scenario, end: int, found: int | None) -> None:
    assert backlog.piled_up(scenario, [Waiting(most=end, end=end)], 1000) == found


def test_a_hundredth_of_a_turn_is_no_backlog() -> None:
    waits = [Waiting(most=400, end=400)]
    assert backlog.piled_up(OPEN, waits, 40_000) is None
    assert backlog.piled_up(OPEN, waits, 39_000) == 400
