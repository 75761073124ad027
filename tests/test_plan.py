"""The matrix, its blocks, and how long a slice is."""

from __future__ import annotations

from typing import Any

import pytest

from bench import plan
from bench.catalogue import ClientEntry, find_client, find_scenario, point_label
from bench.client import Abilities
from bench.errors import UsageError
from bench.scenario import Scenario


def entry(name: str, **can: Any) -> ClientEntry:
    return ClientEntry(
        name=name, adapter=name, abilities=Abilities(distribution=name, protocol="amqp", **can), summary=""
    )


def made(
    scenarios: tuple[str, ...] = ("headline",), clients: tuple[ClientEntry, ...] | None = None, **changes: Any
) -> plan.Plan:
    entries = changes.pop("entries", None) or [find_scenario(name) for name in scenarios]
    words: dict[str, Any] = {
        "scenarios": entries,
        "clients": [(one.name, one) for one in clients or (entry("a"), entry("b"))],
        "loops": ("asyncio", "uvloop"),
        "missing": lambda client, loop, python: None,
        "rounds": 2,
        "slices": None,
        "seed": 1,
        "limit_s": 1.0,
    }
    return plan.make(**{**words, **changes})


def test_the_matrix_is_every_client_on_every_loop() -> None:
    planned = made()
    assert [(case.client, case.loop) for case in planned.cases] == [
        ("a", "asyncio"),
        ("a", "uvloop"),
        ("b", "asyncio"),
        ("b", "uvloop"),
    ]
    assert planned.blocks == (planned.cases,)


def test_a_client_or_loop_named_twice_is_run_once() -> None:
    assert len(made(loops=("asyncio", "asyncio")).cases) == 2


def test_interpreters_are_one_more_dimension_of_the_matrix() -> None:
    planned = made(clients=(entry("a"),), loops=("asyncio",), pythons={"3.12": "3.12.1", "/other": "3.13.0"})
    assert [(case.python, case.point) for case in planned.cases] == [
        ("3.12", "python=3.12.1"),
        ("/other", "python=3.13.0"),
    ]
    assert made(clients=(entry("a"),), pythons={"3.12": "3.12.1"}).cases[0].point == ""


def test_at_most_six_cases_live_together_and_blocks_share_a_reference() -> None:
    planned = made(("prefetch",))
    assert len(planned.cases) == 24
    assert all(len(block) <= plan.MOST_LIVE for block in planned.blocks)
    assert {block[0] for block in planned.blocks} == {planned.cases[0]}
    assert {case for block in planned.blocks for case in block} == set(planned.cases)


def test_what_a_client_cannot_do_is_skipped_with_the_reason() -> None:
    planned = made(("headline",), (entry("a"), entry("b", guarantees=("at-most-once",))))
    assert [skip.reason for skip in planned.skipped] == ["b cannot give the guarantee at-least-once"] * 2
    assert {case.client for case in planned.cases} == {"a"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"queue_type": ("classic",)}, "b cannot declare queues of a type (queue_type=classic)"),
        ({"partitions": (4,)}, "b cannot divide a queue into partitions (partitions=4)"),
        ({"replication": (3,)}, "b cannot ask for copies of messages (replication=3)"),
    ],
)
def test_what_brokers_of_a_protocol_do_not_have_is_skipped_with_the_reason(
    values: dict[str, tuple[Any, ...]], reason: str
) -> None:
    able = entry("a", queue_types=("classic",), partitions=True)
    copying = entry("c", replication=True)
    asked = find_scenario("headline").with_values(values)
    planned = made(clients=(able, copying, entry("b")), entries=[asked])
    assert reason in {skip.reason for skip in planned.skipped}


def test_copies_are_asked_for_in_quorum_queues_only() -> None:
    able = entry("a", queue_types=("classic", "quorum"), replication=True).abilities
    assert able.shortfall(Scenario(replication=3)) == (
        "a cannot ask for copies (replication=3) in queues other than quorum queues"
    )
    assert able.shortfall(Scenario(replication=3, queue_type="quorum", persistent=True)) is None


def test_what_is_not_installed_is_skipped_with_what_mends_it() -> None:
    planned = made(
        missing=lambda client, loop, python: "uvloop is not installed" if loop == "uvloop" else None
    )
    assert {skip.reason for skip in planned.skipped} == {"uvloop is not installed"}


def test_nothing_to_run_is_an_error_with_every_reason() -> None:
    with pytest.raises(UsageError, match="nothing can be run: a is gone; b is gone"):
        made(missing=lambda client, loop, python: f"{client} is gone")


def test_the_same_seed_draws_the_same_orders() -> None:
    one, other = made(seed=5), made(seed=5)
    assert one.order("round", 1).random() == other.order("round", 1).random()
    assert one.order("round", 1).random() != one.order("round", 2).random()
    assert one.order("round", 1).random() != made(seed=6).order("round", 1).random()


def test_cases_of_like_speed_get_the_same_slices() -> None:
    assert plan.slice_messages([5_000, 20_000], [100, 100], 0.1) == [1000, 1000]


def test_no_slice_is_outside_a_factor_of_two_and_a_half() -> None:
    rates = [4_000.0, 24_000.0]
    for rate, count in zip(rates, plan.slice_messages(rates, [1, 1], 0.1), strict=True):
        assert 0.04 <= count / rate <= 0.25


def test_cases_of_unlike_speed_get_slices_of_the_same_length() -> None:
    assert plan.slice_messages([1_000, 500_000], [100, 100], 0.1) == [100, 50_000]


def test_a_slice_fills_every_lane() -> None:
    assert plan.slice_messages([100, 100], [500, 100], 0.1) == [500, 500]


def test_values_that_are_set_make_a_matrix() -> None:
    points = find_scenario("headline").with_values({"prefetch": (1, 10), "payload_bytes": (24, 100)})
    assert [points.label(point) for point in points.points] == [
        "prefetch=1 payload_bytes=24",
        "prefetch=1 payload_bytes=100",
        "prefetch=10 payload_bytes=24",
        "prefetch=10 payload_bytes=100",
    ]


def test_a_point_is_called_what_set_would_take() -> None:
    points = (
        find_scenario("headline").with_values({"rate_per_s": (3000.0, 0.5), "persistent": (True,)}).points
    )
    names = ("rate_per_s", "persistent", "max_outstanding")
    assert [point_label(point, names) for point in points] == [
        "rate_per_s=3000 persistent=true max_outstanding=none",
        "rate_per_s=0.5 persistent=true max_outstanding=none",
    ]


def test_a_value_that_is_set_replaces_a_sweep() -> None:
    entry = find_scenario("prefetch").with_values({"prefetch": (7,)})
    assert [point.prefetch for point in entry.points] == [7]


def test_the_memory_client_is_found_without_a_distribution() -> None:
    assert find_client("memory").how_to_get == "part of mqbench"
