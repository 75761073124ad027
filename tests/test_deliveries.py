"""Push and pull: a client that has only one of them is skipped for the other, with that reason."""

from __future__ import annotations

from typing import Any

import pytest

from bench.catalogue import clients, find_client
from bench.client import Target
from bench.errors import UnsupportedError
from bench.scenario import Scenario


@pytest.mark.parametrize("client", ["aiomqtt", "aiorabbit", "gmqtt", "memory"])
def test_a_client_that_is_only_pushed_to_cannot_pull(client: str) -> None:
    reason = find_client(client).abilities.shortfall(Scenario(delivery="pull"))
    assert reason == f"{client} cannot have its consumers ask for messages at at-least-once (delivery=pull)"


@pytest.mark.parametrize("client", ["aiokafka", "confluent-kafka", "redis"])
def test_a_client_that_always_asks_is_not_pushed_to(client: str) -> None:
    abilities = find_client(client).abilities
    assert abilities.shortfall(Scenario(delivery="push")) == (
        f"{client} cannot have messages pushed to its consumers at at-least-once (delivery=push)"
    )
    assert abilities.shortfall(Scenario(delivery="pull")) is None


def test_core_nats_has_nothing_to_ask() -> None:
    abilities = find_client("nats-py").abilities
    assert abilities.shortfall(Scenario(delivery="pull")) is None
    assert abilities.shortfall(Scenario(delivery="pull", guarantee="at-most-once")) == (
        "nats-py cannot have its consumers ask for messages at at-most-once (delivery=pull)"
    )


async def test_jetstream_does_not_push_to_several_consumers_with_a_prefetch_each() -> None:
    from bench.clients.nats_py import CLIENT  # the library is this test's alone

    target = Target(
        url="nats://127.0.0.1:1",
        guarantee="at-least-once",
        prefetch=10,
        in_flight=1,
        ack_every=1,
        persistent=False,
        consumers=2,
        delivery="push",
    )
    with pytest.raises(UnsupportedError, match="cannot have messages pushed to 2 consumers"):
        async with CLIENT.topology(target, ["queue"]):
            pass


@pytest.mark.parametrize("entry", clients().values(), ids=lambda entry: entry.name)
def test_every_client_has_its_own_way_at_every_guarantee_that_it_gives(entry: Any) -> None:
    abilities = entry.abilities
    for guarantee in abilities.guarantees:
        assert guarantee in {*abilities.pushes, *abilities.pulls}
        assert abilities.shortfall(Scenario(guarantee=guarantee)) is None
