"""Who reads which partitions: everything is read once, in a fan-out once by everybody."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from bench.client import Target
from bench.partitions import Shares
from bench.scenario import Scenario


def planned(*queues: str, **words: Any) -> tuple[Shares, Target]:
    target = Target(
        url="kafka://broker",
        guarantee="at-least-once",
        prefetch=10,
        in_flight=1,
        ack_every=1,
        persistent=False,
        **words,
    )
    shares = Shares()
    shares.plan(target, queues)
    return shares, target


def test_a_topic_has_a_partition_for_each_consumer_that_reads_it() -> None:
    shares, _ = planned("a", "b", consumers=5)
    assert shares.topics == {"a": 3, "b": 2}


@pytest.mark.parametrize("partitions", [3, 4, 7])
def test_consumers_of_a_queue_share_out_all_partitions_that_were_asked_for(partitions: int) -> None:
    shares, _ = planned("a", consumers=3, partitions=partitions)
    with ExitStack() as stack:
        taken = [stack.enter_context(shares.taken("a")) for _ in range(3)]
    assert sorted(number for _, numbers in taken for number in numbers) == list(range(partitions))
    assert {topic for topic, _ in taken} == {"a"}


def test_more_consumers_than_partitions_have_nothing_until_one_leaves() -> None:
    shares, _ = planned("a")
    with shares.taken("a") as first, shares.taken("a") as second:
        assert (list(first[1]), list(second[1])) == ([0], [])
    with shares.taken("a") as third:
        assert list(third[1]) == [0]


@pytest.mark.parametrize("partitions", [None, 3])
def test_in_a_fan_out_every_queue_reads_all_of_the_first_topic(partitions: int | None) -> None:
    shares, _ = planned("a", "b", "c", consumers=3, partitions=partitions, fan_out=True)
    assert shares.topics == {"a": partitions or 1}
    with shares.taken("a") as a, shares.taken("b") as b, shares.taken("c") as c:
        assert a == b == c == ("a", range(partitions or 1))


def test_a_producer_without_the_topology_writes_to_what_the_scenario_says() -> None:
    shares, target = planned(consumers=2)
    assert shares.written(target, "a", 4) == 2
    assert shares.written(target, "a", 1) == 1
    shares, target = planned(consumers=2, partitions=3)
    assert shares.written(target, "a", 4) == 3


def test_a_fan_out_of_one_partition_keeps_the_order_and_needs_no_more_of_them() -> None:
    assert not Scenario(fan_out=True, consumers=8, partitions=1).shared_partitions
    assert Scenario(fan_out=True, consumers=8, partitions=2).shared_partitions
