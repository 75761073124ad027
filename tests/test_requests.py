"""Round trips: each request and each reply is accounted for, and each fault is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from test_driver import drive, surprises

from bench.driver.requests import Requester, key_of
from bench.errors import DishonestError, StalledError
from bench.handler import Handler
from bench.histogram import Histogram
from bench.mix import Mix
from bench.scenario import Scenario


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
@pytest.mark.parametrize("shape", [{}, {"in_flight": 1}, {"producers": 3, "consumers": 2, "in_flight": 7}])
async def test_every_round_trip_of_an_honest_client_ends(guarantee: Any, shape: dict[str, Any]) -> None:
    samples = await drive("memory", Scenario(request_reply=True, guarantee=guarantee, **shape))
    assert surprises(samples) == {}
    for sample in samples:
        assert sample["account"]["received"] == sample["messages"] == sample["sent"] == 600
        assert sum(sample["consumed"]) == 600
        assert sample["confirmed"] == (600 if guarantee == "at-least-once" else None)
        assert len(sample["produced_per_s"]) == shape.get("producers", 1)


@pytest.mark.parametrize("adapter", ["lanes", "futures", "callbacks"])
async def test_every_form_of_publishing_asks_and_answers(faulty: Callable[[str], str], adapter: str) -> None:
    samples = await drive(faulty(adapter), Scenario(request_reply=True, producers=2, consumers=2))
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [600, 600]


async def test_requests_of_many_sizes_are_answered_with_their_own_bodies() -> None:
    scenario = Scenario(request_reply=True, payload_mix=Mix.parse("32:1+100-2000:3"))
    samples = await drive("memory", scenario)
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [600, 600]


async def test_a_lost_reply_is_counted_as_lost(faulty: Callable[[str], str]) -> None:
    (sample,) = await drive(faulty("loses_replies"), Scenario(request_reply=True), turns=1)
    assert surprises([sample]) == {"lost": 6}
    assert sample["account"]["received"] == 594
    assert sample["confirmed"] == 600


async def test_a_turn_ends_when_its_only_lane_has_lost_its_reply(faulty: Callable[[str], str]) -> None:
    (sample,) = await drive(faulty("loses_replies"), Scenario(request_reply=True, in_flight=1), turns=1)
    assert sample["messages"] == sample["sent"] == 100
    assert sample["account"]["received"] == 99
    assert surprises([sample]) == {"lost": 1}


async def test_a_doubled_reply_is_counted_as_duplicated(faulty: Callable[[str], str]) -> None:
    samples = await drive(faulty("duplicates_replies"), Scenario(request_reply=True))
    assert set(surprises(samples)) == {"duplicated"}
    assert [sample["account"]["received"] for sample in samples] == [600, 600]


async def test_a_changed_bit_in_a_reply_is_counted_as_corrupted(faulty: Callable[[str], str]) -> None:
    samples = await drive(faulty("corrupts_replies"), Scenario(request_reply=True))
    assert surprises(samples) == {"corrupted": 12}


async def test_a_lost_request_is_lost_on_both_ways(faulty: Callable[[str], str]) -> None:
    """Of 650 with those of the probe the 300th and the 600th are lost, and of 598 replies the 300th."""
    (sample,) = await drive(faulty("loses"), Scenario(request_reply=True), turns=1)
    assert sample["account"]["received"] == 600 - 2 - 1
    assert surprises([sample]) == {"lost": 2 + 2 + 1}


async def test_a_confirm_before_the_broker_has_the_request_is_found_out(faulty: Callable[[str], str]) -> None:
    with pytest.raises(DishonestError, match="were reported as confirmed when the broker held only"):
        await drive(faulty("confirms_early"), Scenario(request_reply=True))


async def test_a_request_that_is_never_confirmed_is_a_stall(
    faulty: Callable[[str], str],
) -> None:
    with pytest.raises(StalledError, match=r"publishing stood still for 0\.5 s with \d+ of \d+ publishes"):
        await drive(faulty("stalls"), Scenario(request_reply=True), turns=3)


async def test_requests_that_reach_nobody_are_a_stall(faulty: Callable[[str], str]) -> None:
    with pytest.raises(
        StalledError, match=r"round trips stood still for 0\.5 s with 50 messages left in the"
    ):
        await drive(faulty("leaves_waiting"), Scenario(request_reply=True))


async def test_answers_that_take_longer_than_a_standstill_are_one() -> None:
    scenario = Scenario(request_reply=True, in_flight=1, handler=Handler.parse("sleep:5s"))
    said = r"answering stood still for 0\.5 s; requests that are not answered: 1"
    with pytest.raises(StalledError, match=said):
        await drive("memory", scenario.with_fields({"guarantee": "at-most-once"}))


async def test_a_round_trip_takes_as_long_as_its_answer() -> None:
    scenario = Scenario(request_reply=True, in_flight=1, handler=Handler.parse("sleep:20ms"))
    (sample,) = await drive("memory", scenario, turns=1, messages=10)
    assert Histogram.from_pairs(sample["latency"]).percentile(1) >= 20_000
    assert sample["elapsed_s"] >= 0.2


async def test_what_was_asked_is_what_was_handed_to_the_client() -> None:
    async def publish(_: bytes) -> None:
        return None

    requester = Requester(publish, streams=[3], in_flight=2, payload_bytes=32, clock=time.monotonic_ns)
    (wanted,) = requester.prepare(10)
    assert requester.asked() == [wanted[:0]]
    assert wanted[0] >> 32 == 3


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xff" * 8, b"\0" * 40])
def test_a_body_without_a_stamp_has_some_key(body: bytes) -> None:
    assert isinstance(key_of(body), int)
