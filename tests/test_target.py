"""What a scenario asks for reaches the client: every field of a target is the scenario's."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from bench import Scenario
from bench.client import NO_FILES, Target, Tls

# None of these is a scenario's own value, nor what a target has by itself.
ASKED: dict[str, dict[str, Any]] = {
    "guarantee": {"guarantee": "at-most-once"},
    "prefetch": {"prefetch": 7},
    "in_flight": {"in_flight": 3},
    "ack_every": {"ack_every": 5},
    "persistent": {"persistent": True},
    "consumers": {"consumers": 4},
    "fan_out": {"fan_out": True},
    "topics": {"topics": 6},
    "delivery": {"delivery": "pull"},
    "queue_type": {"queue_type": "quorum", "persistent": True},
    "partitions": {"partitions": 9},
    "replication": {"replication": 2},
}


@pytest.mark.parametrize("name", ASKED)
def test_a_target_has_what_its_scenario_asks_for(name: str) -> None:
    wanted = ASKED[name][name]
    assert getattr(Scenario(), name) != wanted
    assert getattr(Target.of(Scenario(**ASKED[name]), "amqp://host"), name) == wanted


def test_consumers_judge_where_messages_are_returned() -> None:
    assert not Target.of(Scenario(), "amqp://host").requeues
    assert Target.of(Scenario(requeue_every=10), "amqp://host").requeues


def test_a_target_has_its_address_and_whom_to_trust() -> None:
    tls = Tls(ca="ca.pem")
    target = Target.of(Scenario(), "amqps://host", tls)
    assert (target.url, target.tls) == ("amqps://host", tls)
    assert Target.of(Scenario(), "amqp://host").tls == NO_FILES


def test_no_field_of_a_target_is_forgotten_here() -> None:
    assert {field.name for field in fields(Target)} == {*ASKED, "requeues", "url", "tls"}
