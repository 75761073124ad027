"""Round trips and returned messages at a rate: accounted for as in a closed load, timed from when due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_open_load import drive, rate_per_s, surprises

from bench import Schedule
from bench.driver.open_load import OpenFanOutLedger, OpenReturningLedger
from bench.errors import StalledError
from bench.handler import Handler
from bench.histogram import Histogram
from bench.mix import Mix
from bench.payload import STAMP, STAMP_BYTES, Account, Inbox, filler, keys
from bench.scenario import Scenario

ASKING = Scenario(request_reply=True, in_flight=20, rate_per_s=1500)
RETURNING = Scenario(requeue_every=7, rate_per_s=3000)


# Round trips


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
@pytest.mark.parametrize("shape", [{"arrivals": "poisson"}, {"producers": 3, "consumers": 2}])
async def test_every_round_trip_at_a_rate_is_accounted_for(guarantee: Any, shape: dict[str, Any]) -> None:
    samples = await drive(ASKING.with_fields({"guarantee": guarantee, **shape}), 300, 301)
    assert surprises(samples) == {}
    for sample, count in zip(samples, (300, 301), strict=True):
        assert sample["account"]["received"] == sample["messages"] == sample["sent"] == count
        assert sum(sample["consumed"]) == count
        assert sample["confirmed"] == (count if guarantee == "at-least-once" else None)
        for figures in (sample["latency"], sample["offered"]["uncorrected"], sample["offered"]["slip"]):
            assert sum(figures[1::2]) == count


@pytest.mark.parametrize("adapter", ["lanes", "futures"])
async def test_every_form_of_publishing_asks_at_a_rate(faulty: Callable[[str], str], adapter: str) -> None:
    scenario = ASKING.with_fields(
        {"producers": 2, "consumers": 2, "payload_mix": Mix.parse("32:1+100-2000:3")}
    )
    samples = await drive(scenario, 300, 300, adapter=faulty(adapter))
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [300, 300]


async def test_a_rate_of_round_trips_is_held() -> None:
    (sample,) = await drive(Scenario(request_reply=True, rate_per_s=500), 500)
    assert rate_per_s(sample) == pytest.approx(500, rel=0.02)
    assert 500 / sample["offered"]["scheduled_s"] == pytest.approx(500, rel=1e-6)


async def test_a_round_trip_counts_from_when_it_was_due_and_not_from_when_a_caller_was_free() -> None:
    """One caller, whose answer takes 5 ms: at most 200 a second, and 400 are due."""
    scenario = Scenario(request_reply=True, in_flight=1, rate_per_s=400, handler=Handler.parse("sleep:5ms"))
    (sample,) = await drive(scenario, 200)
    corrected = Histogram.from_pairs(sample["latency"])
    uncorrected = Histogram.from_pairs(sample["offered"]["uncorrected"])
    last_due_ms, all_answered_ms = 200 / 400 * 1e3, 200 * 5
    assert corrected.maximum / 1e3 >= 0.9 * (all_answered_ms - last_due_ms)
    assert uncorrected.percentile(1) >= 5_000
    assert uncorrected.percentile(99) < corrected.percentile(50)
    assert sample["offered"]["overruns"] >= 150


async def test_the_steps_of_a_schedule_of_round_trips_are_told_apart() -> None:
    schedule = Schedule.parse("300:200ms+900:200ms")
    (sample,) = await drive(Scenario(request_reply=True, schedule=schedule), schedule.messages)
    assert [step["messages"] for step in sample["offered"]["steps"]] == [60, 180]
    assert [sum(step["latency"][1::2]) for step in sample["offered"]["steps"]] == [60, 180]


async def test_a_lost_reply_at_a_rate_is_lost_and_the_others_go_on(faulty: Callable[[str], str]) -> None:
    (sample,) = await drive(ASKING, 600, adapter=faulty("loses_replies"), limit_s=0.5)
    assert surprises([sample]) == {"lost": 6}
    assert (sample["account"]["received"], sample["sent"], sample["confirmed"]) == (594, 600, 600)


async def test_a_turn_ends_when_its_only_caller_has_lost_its_reply(faulty: Callable[[str], str]) -> None:
    scenario = ASKING.with_fields({"in_flight": 1})
    (sample,) = await drive(scenario, 600, adapter=faulty("loses_replies"), limit_s=0.5)
    assert sample["messages"] == sample["sent"] == 100
    assert surprises([sample]) == {"lost": 1}
    assert sample["offered"]["scheduled_s"] == pytest.approx(100 / 1500, rel=1e-6)


@pytest.mark.parametrize(
    ("adapter", "found"),
    [("duplicates_replies", {"duplicated"}), ("corrupts_replies", {"corrupted"}), ("loses", {"lost"})],
)
async def test_what_goes_wrong_with_a_round_trip_at_a_rate_is_found(
    faulty: Callable[[str], str], adapter: str, found: set[str]
) -> None:
    (sample,) = await drive(ASKING, 600, adapter=faulty(adapter), limit_s=0.5)
    assert set(surprises([sample])) == found


async def test_a_request_at_a_rate_that_is_never_confirmed_is_a_stall(faulty: Callable[[str], str]) -> None:
    with pytest.raises(StalledError, match=r"publishing stood still for 0\.5 s with \d+ of \d+ publishes"):
        await drive(ASKING, 600, 600, 600, adapter=faulty("stalls"), limit_s=0.5)


# Fan-out


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
@pytest.mark.parametrize("shape", [{"arrivals": "poisson"}, {"producers": 3}])
async def test_every_copy_of_a_fan_out_at_a_rate_is_accounted_for(
    guarantee: Any, shape: dict[str, Any]
) -> None:
    scenario = Scenario(fan_out=True, consumers=3, rate_per_s=1500, guarantee=guarantee, **shape)
    samples = await drive(scenario, 300, 301)
    assert surprises(samples) == {}
    for sample, count in zip(samples, (300, 301), strict=True):
        assert sample["account"]["received"] == sample["messages"] == 3 * count
        assert sample["consumed"] == [count] * 3
        assert sample["sent"] == count
        for figures in (sample["latency"], sample["offered"]["uncorrected"]):
            assert sum(figures[1::2]) == 3 * count
        assert sum(sample["offered"]["slip"][1::2]) == count


async def test_a_rate_of_a_fan_out_is_held_and_counts_copies() -> None:
    (sample,) = await drive(Scenario(fan_out=True, consumers=4, rate_per_s=250), 250)
    assert sample["messages"] / sample["offered"]["scheduled_s"] == pytest.approx(4 * 250, rel=1e-6)
    assert rate_per_s(sample) == pytest.approx(4 * 250, rel=0.02)


async def test_each_copy_counts_from_when_its_message_was_due() -> None:
    """Two consumers in a process, 2.5 ms for each copy: at most 200 a second, and 400 are due."""
    scenario = Scenario(
        fan_out=True,
        consumers=2,
        prefetch=1,
        in_flight=50,
        rate_per_s=400,
        handler=Handler.parse("cpu:2500us"),
    )
    (sample,) = await drive(scenario, 200)
    corrected = Histogram.from_pairs(sample["latency"])
    last_due_ms, all_handled_ms = 200 / 400 * 1e3, 2 * 200 * 2.5
    assert corrected.maximum / 1e3 >= 0.9 * (all_handled_ms - last_due_ms)
    assert sum(sample["latency"][1::2]) == 400


async def test_the_steps_of_a_schedule_of_a_fan_out_count_copies() -> None:
    schedule = Schedule.parse("300:200ms+900:200ms")
    (sample,) = await drive(Scenario(fan_out=True, consumers=3, schedule=schedule), schedule.messages)
    steps = sample["offered"]["steps"]
    assert [step["messages"] for step in steps] == [3 * 60, 3 * 180]
    for step, rate in zip(steps, (300, 900), strict=True):
        assert step["messages"] / step["scheduled_s"] == pytest.approx(3 * rate, rel=0.01)


def test_a_copy_that_one_consumer_lacks_is_lost_and_each_other_has_its_latency() -> None:
    inboxes = [Inbox(STAMP_BYTES), Inbox(STAMP_BYTES)]
    ledger = OpenFanOutLedger(stamped=True, ordered=True, inboxes=inboxes)
    ledger.keeps_times = True
    wanted = keys(0, 0, 3)
    ledger.expect([wanted])
    late_ns = 10
    for inbox, came_ns, keys_got in zip(inboxes, (500, 700), (wanted, wanted[:2]), strict=True):
        for key in keys_got:
            inbox.bodies.append(STAMP.pack(key, 100, key ^ late_ns, 100 ^ late_ns))
            inbox.received_ns.append(came_ns)
        ledger.settle(inbox)
    assert list(ledger.latencies_ns) == [400] * 3 + [600] * 2
    assert list(ledger.uncorrected_ns) == [390] * 3 + [590] * 2
    assert (list(ledger.due_ns), list(ledger.received_ns)) == ([100] * 5, [500] * 3 + [700] * 2)
    assert ledger.missing == 1
    assert ledger.close() == Account(received=5, lost=1)
    ledger.expect([])
    assert not ledger.latencies_ns
    assert not ledger.uncorrected_ns


# Returned messages


@pytest.mark.parametrize(
    ("adapter", "values"),
    [
        ("lanes", {"arrivals": "poisson"}),
        ("futures", {"producers": 3, "consumers": 4, "queues": 2}),
        ("memory", {"max_outstanding": 60, "consumers": 2}),
        ("memory", {"rate_per_s": None, "max_outstanding": 60}),
        ("memory", {"rate_per_s": None, "schedule": Schedule.parse("1000:100ms+3000:200ms")}),
    ],
)
async def test_what_is_returned_at_a_rate_comes_again_and_is_received_once(
    faulty: Callable[[str], str], adapter: str, values: dict[str, Any]
) -> None:
    adapter = adapter if adapter == "memory" else faulty(adapter)
    samples = await drive(RETURNING.with_fields(values), 600, 600, adapter=adapter)
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [600, 600]
    assert all(70 <= sample["account"]["requeued"] <= 130 for sample in samples)
    for sample in samples:
        assert sum(sample["latency"][1::2]) == 600
        if offered := sample["offered"]:
            assert sum(offered["uncorrected"][1::2]) == 600
            assert sum(step["messages"] for step in offered["steps"]) in {0, 600}


@pytest.mark.parametrize(
    ("fault", "found"),
    [("corrupts", {"corrupted": 2}), ("loses", {"lost": 2}), ("reorders", {"reordered": 2})],
)
async def test_a_fault_where_messages_are_returned_at_a_rate_is_found(
    faulty: Callable[[str], str], fault: str, found: dict[str, int]
) -> None:
    (sample,) = await drive(RETURNING, 600, adapter=faulty(fault), limit_s=0.5)
    assert surprises([sample]) == found


def test_both_latencies_of_a_returned_message_are_those_of_its_second_coming() -> None:
    """Message 4 was due at 10 and sent at 13, and came at 100 and 102; message 5 was on time."""
    size, box = STAMP_BYTES + 4, Inbox(STAMP_BYTES + 4)
    for place, (key, late_ns, again) in enumerate([(4, 3, False), (5, 0, False), (4, 3, True)]):
        box.bodies.append(STAMP.pack(key, 10, key ^ late_ns, 10 ^ late_ns) + filler(size))
        box.received_ns.append(100 + place)
        box.redelivered.append(again)
    ledger = OpenReturningLedger(stamped=True, ordered=True, every=4)
    ledger.keeps_times = True
    ledger.expect([keys(0, 4, 2)])
    ledger.settle(box)
    assert list(ledger.latencies_ns) == [91, 92]
    assert list(ledger.uncorrected_ns) == [91, 89]
    assert list(ledger.received_ns) == [101, 102]
    assert ledger.close() == Account(received=2, requeued=1)
