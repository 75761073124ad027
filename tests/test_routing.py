"""How messages find their queues: the names that both sides and the broker have to agree on."""

from __future__ import annotations

from typing import Any

import pytest

from bench.client import Abilities, Target
from bench.routing import bindings, exchange, exchanges, in_turn, pattern, topics
from bench.scenario import Scenario


def target(**words: Any) -> Target:
    return Target(
        url="amqp://broker",
        guarantee="at-least-once",
        prefetch=10,
        in_flight=1,
        ack_every=1,
        persistent=False,
        **words,
    )


def test_a_plain_queue_has_no_topics_and_no_exchange_of_its_own() -> None:
    plain = target()
    assert (topics(plain, "q"), pattern(plain, "q"), exchange(plain, "q")) == (["q"], "q", "")
    assert exchanges(plain, ["q", "r"]) == []
    assert bindings(plain, ["q", "r"]) == []


def test_topics_are_the_queues_own_and_its_pattern_matches_them_in_any_protocols_words() -> None:
    routed = target(topics=2)
    assert (topics(routed, "q"), pattern(routed, "q")) == (["q.0", "q.1"], "q.*")
    assert (topics(routed, "q", "/"), pattern(routed, "q", "/+")) == (["q/0", "q/1"], "q/+")


def test_each_queue_has_an_exchange_for_its_topics() -> None:
    routed = target(topics=2)
    assert exchanges(routed, ["q", "r"]) == [("q", "topic"), ("r", "topic")]
    assert bindings(routed, ["q", "r"]) == [("q", "q", "q.*"), ("r", "r", "r.*")]
    assert exchange(routed, "r") == "r"


@pytest.mark.parametrize(("count", "kind", "key"), [(None, "fanout", "q"), (2, "topic", "q.*")])
def test_in_a_fan_out_all_queues_are_bound_to_the_first_ones_exchange(
    count: int | None, kind: str, key: str
) -> None:
    fanned = target(topics=count, fan_out=True)
    assert exchanges(fanned, ["q", "r"]) == [("q", kind)]
    assert bindings(fanned, ["q", "r"]) == [("q", "q", key), ("r", "q", key)]


async def test_publishes_take_turns_and_a_single_one_is_left_as_it_is() -> None:
    sent: list[tuple[str, bytes]] = []

    def to(topic: str) -> Any:
        async def publish(body: bytes) -> None:
            sent.append((topic, body))

        return publish

    alone = to("q")
    assert in_turn([alone]) is alone
    publish = in_turn([to("q.0"), to("q.1")])
    for body in (b"a", b"b", b"c"):
        await publish(body)
    assert sent == [("q.0", b"a"), ("q.1", b"b"), ("q.0", b"c")]


def test_a_client_without_patterns_is_skipped_with_that_reason() -> None:
    abilities = Abilities(distribution="literal", protocol="amqp")
    reason = abilities.shortfall(Scenario(topics=8))
    assert reason == "literal cannot be measured with topics that consumers find by a pattern (topics=8)"
