"""The driver in a real worker: honest clients are believed, each fault is caught by its own sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench import Mix
from bench.driver.sizing import drawn
from bench.engine.local import LocalEngine
from bench.errors import ClientFailedError, DishonestError, StalledError, WorkerFailedError, WorkerStuckError
from bench.handler import Handler
from bench.scenario import Scenario

QUICK: dict[str, Any] = {"warmup_s": 0.05}


async def drive(
    adapter: str,
    scenario: Scenario,
    *,
    loop: str = "asyncio",
    turns: int = 2,
    messages: int = 600,
    limit_s: float = 0.5,
) -> list[dict[str, Any]]:
    """The samples of some turns of a client in a worker of its own; raises what the worker says is wrong."""
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": loop,
        "url": "memory://",
        "queues": [f"queue-{index}" for index in range(scenario.queues)],
        "scenario": scenario.to_json(),
        "limit_s": limit_s,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 20)
        samples = [
            (await worker.ask({"do": "slice", "messages": messages}, 20))["sample"] for _ in range(turns)
        ]
        await worker.ask({"do": "close"}, 20)
    return samples


def surprises(samples: list[dict[str, Any]]) -> dict[str, int]:
    names = ("lost", "duplicated", "reordered", "corrupted")
    return {name: total for name in names if (total := sum(sample["account"][name] for sample in samples))}


async def test_one_worker_drives_a_thousand_producers_and_a_thousand_consumers() -> None:
    samples = await drive("memory", Scenario(producers=1000, consumers=1000, in_flight=1), messages=3000)
    assert [sample["account"]["received"] for sample in samples] == [3000, 3000]
    assert surprises(samples) == {}


async def test_many_consumers_that_each_take_a_while_to_leave_are_waited_for(
    faulty: Callable[[str], str],
) -> None:
    """Fifty of them take four seconds together, and no one of them is given more than three."""
    samples = await drive(faulty("unhurried"), Scenario(consumers=50), turns=1, limit_s=5.0)
    assert surprises(samples) == {}


@pytest.mark.parametrize("measure", ["end-to-end", "publish", "consume"])
@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
async def test_every_message_of_an_honest_client_is_accounted_for(measure: Any, guarantee: Any) -> None:
    scenario = Scenario(measure=measure, guarantee=guarantee, producers=3, consumers=4, queues=2)
    samples = await drive("memory", scenario)
    assert [sample["account"]["received"] for sample in samples] == [600, 600]
    assert surprises(samples) == {}
    assert [sample["confirmed"] for sample in samples] == [600 if guarantee == "at-least-once" else None] * 2


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "rloop"])
async def test_the_worker_runs_on_the_loop_that_was_asked_for(loop: str) -> None:
    order = {
        "do": "connect",
        "adapter": "memory",
        "loop": loop,
        "url": "memory://",
        "queues": ["queue"],
        "scenario": Scenario().to_json(),
        "limit_s": 1,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        answer = await worker.ask(order, 20)
    assert answer["loop"].startswith(loop)


async def test_bodies_too_small_for_a_stamp_are_counted() -> None:
    samples = await drive("memory", Scenario(payload_bytes=5))
    assert [sample["account"]["received"] for sample in samples] == [600, 600]
    assert sum(sample["latency"][1::2] != [] for sample in samples) == 0


async def test_empty_bodies_are_counted() -> None:
    assert surprises(await drive("memory", Scenario(payload_bytes=0))) == {}


@pytest.mark.parametrize("payload_bytes", [5, 32, 1024])
async def test_lost_messages_are_counted_as_lost(faulty: Callable[[str], str], payload_bytes: int) -> None:
    samples = await drive(faulty("loses"), Scenario(payload_bytes=payload_bytes), turns=1)
    assert surprises(samples) == {"lost": 2}


@pytest.mark.parametrize("payload_bytes", [32, 1024])
async def test_duplicated_messages_are_counted_as_duplicated(
    faulty: Callable[[str], str], payload_bytes: int
) -> None:
    samples = await drive(faulty("duplicates"), Scenario(payload_bytes=payload_bytes), turns=2)
    assert set(surprises(samples)) == {"duplicated"}


@pytest.mark.parametrize("payload_bytes", [5, 32, 1024])
async def test_a_changed_bit_is_counted_as_corrupted(
    faulty: Callable[[str], str], payload_bytes: int
) -> None:
    samples = await drive(faulty("corrupts"), Scenario(payload_bytes=payload_bytes), turns=1)
    assert surprises(samples) == {"corrupted": 2}


async def test_a_message_that_overtakes_another_is_counted_as_reordered(faulty: Callable[[str], str]) -> None:
    samples = await drive(faulty("reorders"), Scenario(), turns=1)
    assert surprises(samples) == {"reordered": 2}


async def test_a_publish_that_never_returns_is_a_stall(faulty: Callable[[str], str]) -> None:
    with pytest.raises(
        StalledError, match=r"publishing stood still for 0\.5 s with 50 of \d+ publishes unanswered"
    ):
        await drive(faulty("stalls"), Scenario(), turns=3)


async def test_an_error_in_a_task_of_the_client_reaches_the_driver(faulty: Callable[[str], str]) -> None:
    with pytest.raises(ClientFailedError, match=r"failed in the background .*: the background task lost"):
        await drive(faulty("raises"), Scenario(), turns=3)


async def test_an_error_from_publish_reaches_the_driver(faulty: Callable[[str], str]) -> None:
    with pytest.raises(ClientFailedError, match="ConnectionError: the broker said no"):
        await drive(faulty("refuses"), Scenario(), turns=3)


async def test_a_confirm_before_the_broker_has_the_message_is_found_out(faulty: Callable[[str], str]) -> None:
    with pytest.raises(
        DishonestError, match="50 publishes were reported as confirmed when the broker held only"
    ):
        await drive(faulty("confirms_early"), Scenario())


async def test_a_confirm_before_every_queue_of_a_fan_out_has_its_copy_is_found_out(
    faulty: Callable[[str], str],
) -> None:
    with pytest.raises(DishonestError, match="50 publishes were reported as confirmed when the broker held"):
        await drive(faulty("confirms_one_copy"), Scenario(fan_out=True, consumers=3), turns=1)


async def test_a_worker_that_blocks_its_loop_is_given_up_and_ended(
    faulty: Callable[[str], str], nothing_left: None
) -> None:
    order = {
        "do": "connect",
        "adapter": faulty("hangs"),
        "loop": "asyncio",
        "url": "memory://",
        "queues": ["queue"],
        "scenario": Scenario().to_json(),
        "limit_s": 0.5,
    }
    with pytest.raises(WorkerStuckError, match="did not answer 'slice' within 1 s"):
        async with LocalEngine().worker(sys.executable, {}) as worker:
            await worker.ask(order, 20)
            await worker.ask({"do": "slice", "messages": 2000}, 1)


async def test_a_worker_that_is_killed_says_by_what(faulty: Callable[[str], str]) -> None:
    with pytest.raises(WorkerFailedError, match="killed by SIGKILL"):
        await drive(faulty("dies"), Scenario(), turns=3)


async def test_a_client_that_prints_does_not_break_the_protocol(faulty: Callable[[str], str]) -> None:
    assert surprises(await drive(faulty("prints"), Scenario())) == {}


async def test_a_sleeping_handler_is_waited_for_before_the_turn_ends() -> None:
    scenario = Scenario(handler=Handler.parse("sleep:20ms"), in_flight=1, consumers=2)
    (sample,) = await drive("memory", scenario, turns=1, messages=4)
    assert sample["elapsed_s"] >= 0.04


async def test_a_computing_handler_costs_the_worker_its_time() -> None:
    scenario = Scenario(handler=Handler.parse("cpu:5ms"), in_flight=1)
    (sample,) = await drive("memory", scenario, turns=1, messages=10)
    assert sample["usage"]["cpu_user_s"] + sample["usage"]["cpu_system_s"] >= 0.045


async def test_an_adapter_that_cannot_be_imported_is_a_sentence() -> None:
    with pytest.raises(
        WorkerFailedError, match=r"ModuleNotFoundError: No module named 'bench.clients.nothing'"
    ):
        await drive("nothing", Scenario())


@pytest.mark.parametrize("payload_bytes", [5, 1024])
@pytest.mark.parametrize("adapter", ["futures", "callbacks"])
async def test_a_client_of_futures_or_callbacks_is_driven_within_its_window(
    faulty: Callable[[str], str], adapter: str, payload_bytes: int
) -> None:
    samples = await drive(faulty(adapter), Scenario(payload_bytes=payload_bytes, producers=2))
    assert surprises(samples) == {}
    assert [sample["confirmed"] for sample in samples] == [600, 600]


async def test_each_lane_has_the_publish_that_was_made_for_it(faulty: Callable[[str], str]) -> None:
    samples = await drive(faulty("lanes"), Scenario(producers=2))
    assert surprises(samples) == {}
    assert [sample["confirmed"] for sample in samples] == [600, 600]


async def test_what_each_side_got_is_told() -> None:
    samples = await drive("memory", Scenario(producers=3, consumers=2))
    for sample in samples:
        assert sum(sample["consumed"]) == 600
        assert len(sample["produced_per_s"]) == 3
        assert min(sample["produced_per_s"]) > 600 / 3 / sample["elapsed_s"] * 0.5


@pytest.mark.parametrize("adapter", ["memory", "lanes", "futures", "callbacks"])
async def test_every_form_of_publishing_can_connect_for_each_message(
    faulty: Callable[[str], str], adapter: str
) -> None:
    scenario = Scenario(producers=2, in_flight=3, churn=True)
    samples = await drive(adapter if adapter == "memory" else faulty(adapter), scenario)
    assert surprises(samples) == {}
    assert [sample["confirmed"] for sample in samples] == [600, 600]


@pytest.mark.parametrize("payload_bytes", [5, 1024])
@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
async def test_every_consumer_gets_every_message_of_a_fan_out(guarantee: Any, payload_bytes: int) -> None:
    scenario = Scenario(
        fan_out=True, consumers=3, producers=2, guarantee=guarantee, payload_bytes=payload_bytes
    )
    samples = await drive("memory", scenario)
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [3 * 600] * 2
    assert [sample["consumed"] for sample in samples] == [[600] * 3] * 2


MIXED: dict[str, Any] = {"payload_mix": Mix.parse("40:70+1000-4000:25+64kB:5")}


@pytest.mark.parametrize(
    "values",
    [
        {"producers": 3, "consumers": 4, "queues": 2},
        {"measure": "publish"},
        {"measure": "consume", "guarantee": "at-most-once"},
        {"fan_out": True, "consumers": 3},
        {"churn": True, "producers": 2, "in_flight": 3},
        {"handler": Handler.parse("sleep:100us")},
        {"max_outstanding": 150, "producers": 3},
        {"rate_per_s": 3000.0, "producers": 3},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("adapter", ["memory", "lanes", "futures", "callbacks"])
async def test_bodies_of_mixed_sizes_are_accounted_for(
    faulty: Callable[[str], str], adapter: str, values: dict[str, Any]
) -> None:
    if values.get("fan_out") and adapter != "memory":
        pytest.skip("the memory client alone can fan out")
    samples = await drive(adapter if adapter == "memory" else faulty(adapter), Scenario(**MIXED, **values))
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [sample["messages"] for sample in samples]


async def test_every_turn_of_every_case_of_a_round_has_the_same_bytes(faulty: Callable[[str], str]) -> None:
    shapes = [
        ("memory", 1),
        ("memory", 3),
        (faulty("lanes"), 1),
        (faulty("lanes"), 3),
        (faulty("futures"), 2),
        (faulty("callbacks"), 2),
    ]
    samples = [
        sample
        for adapter, producers in shapes
        for sample in await drive(adapter, Scenario(**MIXED, producers=producers), messages=601)
    ]
    sizes = drawn(MIXED["payload_mix"], 0)[:601]
    assert [sample["received_bytes"] for sample in samples] == [sum(sizes)] * len(samples)


async def test_bytes_of_a_fan_out_are_those_of_every_copy() -> None:
    (sample,) = await drive("memory", Scenario(**MIXED, fan_out=True, consumers=3), turns=1)
    assert sample["received_bytes"] == 3 * sum(drawn(MIXED["payload_mix"], 0)[:600])


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("truncates", "corrupted"),
        ("lengthens", "corrupted"),
        ("corrupts", "corrupted"),
        ("loses", "lost"),
        ("duplicates", "duplicated"),
        ("reorders", "reordered"),
    ],
)
async def test_a_fault_in_bodies_of_mixed_sizes_is_found(
    faulty: Callable[[str], str], fault: str, found: str
) -> None:
    mixed = surprises(await drive(faulty(fault), Scenario(**MIXED), turns=1))
    assert set(mixed) == {found}
    assert mixed == surprises(await drive(faulty(fault), Scenario(), turns=1))


async def test_the_bytes_of_what_was_lost_or_cut_short_are_not_counted(faulty: Callable[[str], str]) -> None:
    whole = sum(drawn(MIXED["payload_mix"], 0)[:600])
    for fault in ("loses", "truncates"):
        (sample,) = await drive(faulty(fault), Scenario(**MIXED), turns=1)
        assert sample["account"]["received"] == 598
        assert whole - 2 * 64_000 <= sample["received_bytes"] <= whole - 2 * 40


@pytest.mark.parametrize("payload_bytes", [5, 32, 1024])
async def test_a_body_that_was_cut_short_is_corrupted(
    faulty: Callable[[str], str], payload_bytes: int
) -> None:
    samples = await drive(faulty("truncates"), Scenario(payload_bytes=payload_bytes), turns=1)
    assert surprises(samples) == {"corrupted": 2}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"producers": 3, "consumers": 4, "queues": 2},
        {"measure": "consume", "consumers": 2},
        {"churn": True, "in_flight": 3},
        MIXED,
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("adapter", ["memory", "lanes", "futures", "callbacks"])
async def test_what_is_returned_comes_again_and_is_received_once(
    faulty: Callable[[str], str], adapter: str, values: dict[str, Any]
) -> None:
    adapter = adapter if adapter == "memory" else faulty(adapter)
    samples = await drive(adapter, Scenario(requeue_every=6, **values))
    assert surprises(samples) == {}
    assert [sample["account"]["received"] for sample in samples] == [600, 600]
    assert all(70 <= sample["account"]["requeued"] <= 130 for sample in samples)
    if values is MIXED:
        sizes = drawn(MIXED["payload_mix"], 0)[:600]
        assert [sample["received_bytes"] for sample in samples] == [sum(sizes)] * 2


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("corrupts", {"corrupted": 2}),
        ("loses", {"lost": 2}),
        ("reorders", {"reordered": 2}),
    ],
)
async def test_a_fault_where_messages_are_returned_is_found(
    faulty: Callable[[str], str], fault: str, found: dict[str, int]
) -> None:
    (sample,) = await drive(faulty(fault), Scenario(requeue_every=7), turns=1)
    assert surprises([sample]) == found


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("keeps_returned", "8 lost of 50 messages"),
        ("copies_returned", "8 duplicated of 50 messages"),
        ("hides_returns", "8 lost, 8 duplicated of 50 messages"),
    ],
)
async def test_what_does_not_come_again_as_it_should_is_found_out_at_once(
    faulty: Callable[[str], str], fault: str, found: str
) -> None:
    with pytest.raises(DishonestError, match=f"{found} while the client was being connected"):
        await drive(faulty(fault), Scenario(requeue_every=7))


async def test_every_message_may_be_returned() -> None:
    (sample,) = await drive("memory", Scenario(requeue_every=1, consumers=2), turns=1)
    assert surprises([sample]) == {}
    assert (sample["account"]["received"], sample["account"]["requeued"]) == (600, 600)
